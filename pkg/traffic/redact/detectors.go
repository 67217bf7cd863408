// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// redactedDomain is the domain of addresses that stand for others. No mail can be sent there (RFC 2606).
const redactedDomain = "restage.invalid"

const (
	longestLocal  = 64  // bytes of the part of an address before the @ (RFC 5321)
	longestDomain = 255 // bytes
)

var (
	localChars  = *chars("azAZ09..__%%++--")
	domainChars = *chars("azAZ09..--")
	letters     = *chars("azAZ")
	digits      = *chars("09")
)

// findEmail finds the e-mail address around the @ at i.
func findEmail(text []byte, i, floor int) (secret, bool) {
	from := i
	for from > floor && i-from < longestLocal && localChars[text[from-1]] {
		from--
	}
	for from < i && (text[from] == '.' || text[from] == '%') {
		from++
	}
	to := i + 1
	for to < len(text) && to-i <= longestDomain && domainChars[text[to]] {
		to++
	}
	for to > i+1 && (text[to-1] == '.' || text[to-1] == '-') {
		to--
	}
	if from == i || !isMailDomain(text[i+1:to]) {
		return secret{}, false
	}
	return secret{from: from, to: to, class: ClassEmail}, true
}

// isMailDomain wants a dot and a last label of letters that is not the type of an image: "logo@2x.png" is no address.
func isMailDomain(domain []byte) bool {
	dot := bytes.LastIndexByte(domain, '.')
	if dot < 1 || domain[0] == '.' || string(domain) == redactedDomain {
		return false
	}
	last := domain[dot+1:]
	if len(last) < 2 {
		return false
	}
	for _, c := range last {
		if !letters[c] {
			return false
		}
	}
	switch string(last) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "avif":
		return false
	}
	return true
}

var (
	nameChars  = *chars("azAZ09--__..")
	valueChars = *chars("azAZ09--__..~~%%++//==,,::;;!!$$**@@")
)

// longestValue is the most bytes of a parameter in a URL that are taken for its value.
const longestValue = 4096

// findParameter finds the value of a parameter with the name of a secret in a URL that stands in a text, after the ?, & or # at i.
func findParameter(text []byte, i int) (secret, bool) {
	from := i + 1
	for from < len(text) && from-i <= 2*longestField && nameChars[text[from]] {
		from++
	}
	if from == len(text) || text[from] != '=' || !isSecretName(text[i+1:from]) {
		return secret{}, false
	}
	from++
	to := from
	for to < len(text) && to-from < longestValue && valueChars[text[to]] {
		to++
	}
	return secret{from: from, to: to, class: ClassSecretField}, to > from
}

var (
	keyBegin = []byte("-----BEGIN ")
	keyName  = []byte("PRIVATE KEY")
	keyEnd   = []byte("-----END ")
	dashes   = []byte("-----")
)

// longestLabel is the length of a line such as "-----BEGIN ENCRYPTED PRIVATE KEY-----", in bytes, with room.
const longestLabel = 64

// findPrivateKey finds the private key in PEM that begins at i. One that was cut goes to the end of the text.
func findPrivateKey(text []byte, i int) (secret, bool) {
	rest, ok := bytes.CutPrefix(text[i:], keyBegin)
	if !ok {
		return secret{}, false
	}
	label, _, ok := bytes.Cut(rest[:min(len(rest), longestLabel)], dashes)
	if !ok || !bytes.Contains(label, keyName) {
		return secret{}, false
	}
	to := len(text)
	if end := bytes.Index(text[i+len(keyBegin):], keyEnd); end >= 0 {
		to = i + len(keyBegin) + end + len(keyEnd)
		if last := bytes.Index(text[to:min(len(text), to+longestLabel)], dashes); last >= 0 {
			to += last + len(dashes)
		}
	}
	return secret{from: i, to: to, class: ClassPrivateKey}, true
}
