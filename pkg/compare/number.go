// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strconv"
	"strings"
)

// sameNumber tells whether two JSON numbers have the same value, without rounding: 1, 1.0 and 10e-1 are the same.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, okX := parseDecimal(a)
	y, okY := parseDecimal(b)
	return okX && okY && x == y
}

// decimal is 0.digits × 10^exponent, with neither leading nor trailing zeros in digits.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

// parseDecimal reads a JSON number; it is not ok when the exponent is beyond 32 bits.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		exponent, err := strconv.ParseInt(s[at+1:], 10, 32)
		if err != nil {
			return d, false
		}
		d.exponent, s = exponent, s[:at]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	trimmed := strings.TrimLeft(digits, "0")
	d.exponent += int64(len(whole) - (len(digits) - len(trimmed)))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}
