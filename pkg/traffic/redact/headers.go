// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// replacer appends the redacted form of a header's value to dst.
type replacer func(p *pass, dst, value []byte) []byte

// secretHeaders are the headers whose values are secrets.
var secretHeaders = map[string]replacer{
	"authorization":        (*pass).credentials,
	"proxy-authorization":  (*pass).credentials,
	"cookie":               (*pass).cookies,
	"set-cookie":           (*pass).setCookie,
	"api-key":              (*pass).whole,
	"apikey":               (*pass).whole,
	"private-token":        (*pass).whole,
	"x-access-token":       (*pass).whole,
	"x-amz-security-token": (*pass).whole,
	"x-api-key":            (*pass).whole,
	"x-api-token":          (*pass).whole,
	"x-auth-key":           (*pass).whole,
	"x-auth-token":         (*pass).whole,
	"x-csrf-token":         (*pass).whole,
	"x-csrftoken":          (*pass).whole,
	"x-functions-key":      (*pass).whole,
	"x-goog-api-key":       (*pass).whole,
	"x-id-token":           (*pass).whole,
	"x-refresh-token":      (*pass).whole,
	"x-session-token":      (*pass).whole,
	"x-vault-token":        (*pass).whole,
	"x-xsrf-token":         (*pass).whole,
}

// isPlainHeader knows the headers that no detector looks at: they say how the message is to be read, or join it to others.
func isPlainHeader(name []byte) bool {
	switch string(name) {
	case "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "date", "etag", "if-none-match",
		"traceparent", "x-request-id", "x-b3-traceid", "x-b3-spanid", "grpc-status", "sec-websocket-key", "sec-websocket-accept":
		return true
	}
	return false
}

// isURLHeader knows the headers that hold a URL with a query.
func isURLHeader(name []byte) bool {
	switch string(name) {
	case "location", "content-location", "referer":
		return true
	}
	return false
}

// longestName is the most bytes of a header's name that are compared.
const longestName = 128

// schemes are the words before credentials that are no secret themselves.
var schemes = []string{"basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "aws4-hmac-sha256"}

func (p *pass) whole(dst, value []byte) []byte {
	if len(value) == 0 || p.isKept(value) {
		return append(dst, value...)
	}
	p.count(ClassHeader)
	return append(dst, p.Token(value)...)
}

// credentials keeps the scheme: "Bearer abc" becomes "Bearer restage-...".
func (p *pass) credentials(dst, value []byte) []byte {
	n := schemeLength(value)
	return p.whole(append(dst, value[:n]...), value[n:])
}

// schemeLength is the length of the scheme before credentials and the blank after it, 0 when there is none.
func schemeLength(value []byte) int {
	for _, scheme := range schemes {
		n := len(scheme)
		if len(value) > n && value[n] == ' ' && bytes.EqualFold(value[:n], []byte(scheme)) {
			return n + 1
		}
	}
	return 0
}

// cookies keeps the names: "a=1; b=2".
func (p *pass) cookies(dst, value []byte) []byte {
	for i, pair := range bytes.Split(value, []byte(";")) {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = p.pair(dst, pair)
	}
	return dst
}

// setCookie keeps the name and the attributes: "a=1; Path=/".
func (p *pass) setCookie(dst, value []byte) []byte {
	pair, attributes, more := bytes.Cut(value, []byte(";"))
	dst = p.pair(dst, pair)
	if more {
		dst = append(append(dst, ';'), attributes...)
	}
	return dst
}

// pair redacts the value of "name=value"; without a name all of it is the value.
func (p *pass) pair(dst, pair []byte) []byte {
	text := bytes.TrimLeft(pair, " \t")
	dst = append(dst, pair[:len(pair)-len(text)]...)
	if name, value, ok := bytes.Cut(text, []byte("=")); ok {
		return p.whole(append(append(dst, name...), '='), value)
	}
	return p.whole(dst, text)
}
