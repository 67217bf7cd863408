// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"strings"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// maxTraceID bounds an id that a client chose.
const maxTraceID = 128

// traceID is what names the trace of a request: that of traceparent, else x-request-id, else x-b3-traceid, else "".
func traceID(m *http1.Message) string {
	if id := traceparent(m.Get("traceparent")); id != "" {
		return id
	}
	for _, name := range []string{"x-request-id", "x-b3-traceid"} {
		if id := m.Get(name); id != "" && len(id) <= maxTraceID {
			return id
		}
	}
	return ""
}

// traceparent returns the trace id of "00-<32 hex>-<16 hex>-<2 hex>", "" when it is not well formed or all zero.
func traceparent(value string) string {
	version, rest, _ := strings.Cut(value, "-")
	id, rest, _ := strings.Cut(rest, "-")
	parent, _, flagged := strings.Cut(rest, "-")
	if len(version) != 2 || len(id) != 32 || len(parent) != 16 || !flagged {
		return ""
	}
	id = strings.ToLower(id)
	if strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
