// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Prefix begins each token but those of numbers and those that keep the length; 16 hexadecimal digits follow.
const Prefix = "restage-"

// tokenLength is that of what Token returns.
const tokenLength = len(Prefix) + 16

var hexDigits = *chars("09af")

// tokenDigits is the number of digits of what stands for a number that is no card: enough to be distinct, and few enough for
// the numbers of JavaScript.
const tokenDigits = 15

// Token returns what stands for a secret.
func (r *Redactor) Token(secret []byte) string {
	sum := r.sum(secret, 0)
	return Prefix + hex.EncodeToString(sum[:8])
}

// sum is the keyed hash of a secret; there are as many as anybody wants.
func (r *Redactor) sum(secret []byte, number uint32) (sum [sha256.Size]byte) {
	mac := r.macs.Get().(hash.Hash)
	defer r.macs.Put(mac)
	mac.Reset()
	mac.Write(secret)
	if number > 0 {
		var more [5]byte // a zero byte and the number, so that it is no secret that is longer
		binary.BigEndian.PutUint32(more[1:], number)
		mac.Write(more[:])
	}
	mac.Sum(sum[:0])
	return sum
}

// isToken tells what Token may have returned.
func isToken(value []byte) bool {
	digits, ok := bytes.CutPrefix(value, []byte(Prefix))
	return ok && len(digits) == 16 && len(bytes.Trim(digits, "0123456789abcdef")) == 0
}

const (
	// leastChecked is the length from which on what sameLength returns can be told from other text, in bytes.
	leastChecked = 16
	checkLength  = 8
)

// isSameLength tells what sameLength has returned, with any key.
func isSameLength(value []byte) bool {
	if len(value) < leastChecked || !mayBeSameLength(value) {
		return false
	}
	rest := len(value) - checkLength
	return string(appendCheck(nil, value[:rest])) == string(value[rest:])
}

// mayBeSameLength tells what sameLength may have returned; so may anything of the same digits.
func mayBeSameLength(value []byte) bool {
	return len(value) > 0 && !digits[value[0]] && len(bytes.Trim(value, "0123456789abcdef")) == 0
}

// appendCheck appends what ends a token whose other digits are given. It needs no key, so that whoever has none can tell it as well.
func appendCheck(dst, rest []byte) []byte {
	sum := sha256.Sum256(rest)
	return hex.AppendEncode(dst, sum[:checkLength/2])
}

// email is an address in the place of another.
func (r *Redactor) email(dst, address []byte) []byte {
	return append(append(append(dst, r.Token(address)...), '@'), redactedDomain...)
}

// card replaces the digits of a number by others that look like a card's but are of no network, and leaves what stands between them.
func (r *Redactor) card(dst, number []byte) []byte {
	var plain [longestCard]byte
	n := 0
	for _, c := range number {
		if digits[c] {
			plain[n] = c
			n++
		}
	}
	token := r.digits(plain[:n], n)
	next := 0
	for _, c := range number {
		if digits[c] {
			c = token[next]
			next++
		}
		dst = append(dst, c)
	}
	return dst
}

// digits are n digits, 3 to longestCard, that stand for a secret: 90 and a hash, with the last one right by the formula of Luhn.
func (r *Redactor) digits(secret []byte, n int) (token [longestCard]byte) {
	sum := r.sum(secret, 0)
	value := binary.BigEndian.Uint64(sum[:8])
	token[0], token[1] = '9', '0'
	for i := 2; i < n-1; i++ {
		token[i] = byte('0' + value%10)
		value /= 10
	}
	token[n-1] = checkDigit(token[:n-1])
	return token
}

// number is a JSON number in the place of another.
func (r *Redactor) number(dst, number []byte) []byte {
	if r.keepTokens && isNumberToken(number) {
		return append(dst, number...)
	}
	token := r.digits(number, tokenDigits)
	return append(dst, token[:tokenDigits]...)
}

func isNumberToken(number []byte) bool {
	if len(number) != tokenDigits || number[0] != '9' || number[1] != '0' {
		return false
	}
	for _, c := range number {
		if !digits[c] {
			return false
		}
	}
	return checkDigit(number[:tokenDigits-1]) == number[tokenDigits-1]
}

// sameLength is text of hexadecimal digits as long as the secret, for bodies in which lengths are written down. It begins with a letter, so
// that no number looks like it, and ends with a check where there is room for one.
func (r *Redactor) sameLength(dst, secret []byte) []byte {
	from, left := len(dst), len(secret)
	if left >= leastChecked {
		left -= checkLength
	}
	for number := uint32(0); left > 0; number++ {
		sum := r.sum(secret, number+1)
		var text [2 * sha256.Size]byte
		n := min(left, hex.Encode(text[:], sum[:]))
		if number == 0 {
			text[0] = 'a' + sum[0]%6
		}
		dst = append(dst, text[:n]...)
		left -= n
	}
	if len(secret) >= leastChecked {
		dst = appendCheck(dst, dst[from:])
	}
	return dst
}
