// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"crypto/sha256"
	"encoding/json"
	"unicode/utf8"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// listDocument makes one JSON document of what was said in a stream, a list, so that it is compared as any other.
func listDocument(list []any) *http1.Message {
	body, _ := json.Marshal(list) // cannot fail: what is raw is valid
	hash := sha256.Sum256(body)
	m, err := http1.ParseHead([]byte("HTTP/1.1 101 Switching Protocols\r\nContent-Type: application/json\r\n\r\n"))
	if err != nil {
		m = &http1.Message{} // cannot be
	}
	m.Body, m.BodyLength, m.BodySHA256 = body, int64(len(body)), hash[:]
	return m
}

// jsonOf is a part of a stream in a document: what is JSON stays so, other text is a string.
func jsonOf(part []byte) any {
	switch {
	case json.Valid(part):
		return json.RawMessage(part)
	case utf8.Valid(part):
		return string(part)
	}
	return bytesOf(part)
}

// bytesOf is an object with the Base64 of bytes that are no text.
func bytesOf(part []byte) any { return map[string]any{"binary": part} }
