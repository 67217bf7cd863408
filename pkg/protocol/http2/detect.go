// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"

	"golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// Detect tells whether the first bytes that a client sent are the preface of HTTP/2, or its beginning.
func Detect(first []byte) http1.Verdict {
	switch {
	case len(first) >= len(http2.ClientPreface) && strings.HasPrefix(string(first[:len(http2.ClientPreface)]), http2.ClientPreface):
		return http1.Yes
	case len(first) < len(http2.ClientPreface) && strings.HasPrefix(http2.ClientPreface, string(first)):
		return http1.Undecided
	}
	return http1.No
}

// IsServerPreface tells whether the first bytes of a server are the settings that each connection begins with. A server may send them
// before it has heard of its client.
func IsServerPreface(first []byte) bool {
	const header, setting = 9, 6
	if len(first) < header {
		return false
	}
	length := int(first[0])<<16 | int(first[1])<<8 | int(first[2])
	return length%setting == 0 && length <= 64*setting && first[3] == byte(http2.FrameSettings) && string(first[4:header]) == "\x00\x00\x00\x00\x00"
}
