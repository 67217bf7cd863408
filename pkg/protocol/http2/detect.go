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
