// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const (
	// shortestNonce is the least number of characters of a hexadecimal or base64 value that is taken for a nonce, and
	// of a hexadecimal path segment that is taken for an identifier.
	shortestNonce = 16
	// nearTime is how far from its record a number may lie to be taken for a time.
	nearTime = 366 * 24 * time.Hour
)

// isVolatile tells whether a value looks like a UUID, a ULID, a time or a nonce. recorded is when it was sent.
func isVolatile(kind byte, value []byte, recorded time.Time) bool {
	switch kind {
	case jsonString:
		return isUUID(value) || isULID(value) || isTimeText(value) || isUnixTime(value, recorded) || isNonce(value)
	case jsonNumber:
		return isUnixTime(value, recorded)
	case rawBytes: // of any length that random bytes have: 16 make a UUID
		return len(value) >= shortestNonce
	}
	return false
}

// isIdentifier tells whether a path segment names one thing of many: digits, a UUID or long hexadecimal.
func isIdentifier(segment string) bool {
	if segment == "" {
		return false
	}
	digits, hex := true, len(segment) >= shortestNonce
	for i := range len(segment) {
		digit := segment[i] >= '0' && segment[i] <= '9'
		digits = digits && digit
		hex = hex && (digit || isHexLetter(segment[i]))
	}
	return digits || hex || len(segment) == 36 && isUUID([]byte(segment))
}

func isHexLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'f' }

func isUUID(value []byte) bool {
	if len(value) != 36 || value[8] != '-' {
		return false
	}
	_, err := uuid.ParseBytes(value)
	return err == nil
}

// isULID knows the canonical form alone, in which ULIDs are sent: 26 characters of Crockford's base 32 in upper case.
func isULID(value []byte) bool {
	if len(value) != 26 || value[0] < '0' || value[0] > '7' {
		return false
	}
	for _, c := range value {
		if bytes.IndexByte([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), c) < 0 {
			return false
		}
	}
	return true
}

func isTimeText(value []byte) bool {
	const shortest, longest = len("2006-01-02T15:04:05"), len("2006-01-02T15:04:05.999999999+07:00")
	if len(value) < shortest || len(value) > longest {
		return false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC1123} {
		if _, err := time.Parse(layout, string(value)); err == nil {
			return true
		}
	}
	return false
}

// isUnixTime tells whether value is a time in seconds (with or without fraction), milli-, micro- or nanoseconds that lies
// near the record.
func isUnixTime(value []byte, recorded time.Time) bool {
	whole, fraction, _ := bytes.Cut(value, []byte("."))
	if i := bytes.IndexByte(value, 'e'); i >= 0 { // the normal form of a fraction: 17000000005e-1
		exponent, err := strconv.Atoi(string(value[i+1:]))
		if err != nil || exponent >= 0 || i+exponent <= 0 {
			return false
		}
		whole, fraction = value[:i+exponent], value[i+exponent:i]
	}
	var unit time.Duration
	switch len(whole) {
	case 10:
		unit = time.Second
	case 13:
		unit = time.Millisecond
	case 16:
		unit = time.Microsecond
	case 19:
		unit = time.Nanosecond
	default:
		return false
	}
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || n < 0 || len(bytes.Trim(fraction, "0123456789")) > 0 {
		return false
	}
	at := time.Unix(n/int64(time.Second/unit), 0)
	return at.Sub(recorded).Abs() <= nearTime
}

// isNonce knows hexadecimal, and base64 or base64url, of at least shortestNonce characters. Words are left out: hexadecimal has
// a digit, and base64 has digits, small and capital letters.
func isNonce(value []byte) bool {
	if len(value) < shortestNonce {
		return false
	}
	var digits, small, capital, notHex int
	for _, c := range bytes.TrimRight(value, "=") {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			small++
		case c >= 'A' && c <= 'Z':
			capital++
		case c == '+' || c == '/' || c == '-' || c == '_':
			notHex++
		default:
			return false
		}
		if c >= 'A' && !isHexLetter(c) {
			notHex++
		}
	}
	if notHex == 0 {
		return digits > 0
	}
	return digits > 0 && small > 0 && capital > 0
}
