// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// replacer appends the redacted form of a header's value to dst.
type replacer func(r *Redactor, dst, value []byte) []byte

// secretHeaders are the headers whose values are secrets.
var secretHeaders = map[string]replacer{
	"authorization":        (*Redactor).credentials,
	"proxy-authorization":  (*Redactor).credentials,
	"cookie":               (*Redactor).cookies,
	"set-cookie":           (*Redactor).setCookie,
	"api-key":              (*Redactor).whole,
	"apikey":               (*Redactor).whole,
	"private-token":        (*Redactor).whole,
	"x-access-token":       (*Redactor).whole,
	"x-amz-security-token": (*Redactor).whole,
	"x-api-key":            (*Redactor).whole,
	"x-api-token":          (*Redactor).whole,
	"x-auth-key":           (*Redactor).whole,
	"x-auth-token":         (*Redactor).whole,
	"x-csrf-token":         (*Redactor).whole,
	"x-csrftoken":          (*Redactor).whole,
	"x-functions-key":      (*Redactor).whole,
	"x-goog-api-key":       (*Redactor).whole,
	"x-id-token":           (*Redactor).whole,
	"x-refresh-token":      (*Redactor).whole,
	"x-session-token":      (*Redactor).whole,
	"x-vault-token":        (*Redactor).whole,
	"x-xsrf-token":         (*Redactor).whole,
}

// longestName is the most bytes that a name of secretHeaders has.
const longestName = 32

// schemes are the words before credentials that are no secret themselves.
var schemes = []string{"basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "aws4-hmac-sha256"}

func (r *Redactor) whole(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	if r.keepTokens && isToken(value) {
		return append(dst, value...)
	}
	return append(dst, r.Token(value)...)
}

// credentials keeps the scheme: "Bearer abc" becomes "Bearer restage-...".
func (r *Redactor) credentials(dst, value []byte) []byte {
	for _, scheme := range schemes {
		n := len(scheme)
		if len(value) > n && value[n] == ' ' && bytes.EqualFold(value[:n], []byte(scheme)) {
			return r.whole(append(dst, value[:n+1]...), value[n+1:])
		}
	}
	return r.whole(dst, value)
}

// cookies keeps the names: "a=1; b=2".
func (r *Redactor) cookies(dst, value []byte) []byte {
	for i, pair := range bytes.Split(value, []byte(";")) {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = r.pair(dst, pair)
	}
	return dst
}

// setCookie keeps the name and the attributes: "a=1; Path=/".
func (r *Redactor) setCookie(dst, value []byte) []byte {
	pair, attributes, more := bytes.Cut(value, []byte(";"))
	dst = r.pair(dst, pair)
	if more {
		dst = append(append(dst, ';'), attributes...)
	}
	return dst
}

// pair redacts the value of "name=value"; without a name all of it is the value.
func (r *Redactor) pair(dst, pair []byte) []byte {
	text := bytes.TrimLeft(pair, " \t")
	dst = append(dst, pair[:len(pair)-len(text)]...)
	if name, value, ok := bytes.Cut(text, []byte("=")); ok {
		return r.whole(append(append(dst, name...), '='), value)
	}
	return r.whole(dst, text)
}
