// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// minToken is the length from which a segment of hexadecimal digits, or of letters and digits, is an identifier.
const minToken = 16

// Operation names what a request does, without what names one resource: the method and the path, without query,
// in which segments that are numbers, UUIDs or long tokens are replaced by {}.
func Operation(method, target string) string {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		if u, err := url.Parse(path); err == nil && u.Host != "" {
			path = u.EscapedPath() // absolute form, as proxies are asked
		}
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isIdentifier(s) {
			segments[i] = "{}"
		}
	}
	return method + " " + strings.Join(segments, "/")
}

func isIdentifier(s string) bool {
	if s == "" {
		return false
	}
	if len(s) == 36 && uuid.Validate(s) == nil {
		return true
	}
	digits, letters, hex := 0, 0, 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F':
			letters++
			hex++
		case 'g' <= r && r <= 'z' || 'G' <= r && r <= 'Z':
			letters++
		default:
			return false
		}
	}
	if digits == len(s) {
		return true
	}
	return len(s) >= minToken && (digits+hex == len(s) || digits > 0 && letters > 0)
}
