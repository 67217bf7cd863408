// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package grpc knows what gRPC adds to HTTP/2: messages with a length before them, and the status of a call in the trailers.
package grpc

import (
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// contentType is that of all calls; "+proto" and the like may follow.
const contentType = "application/grpc"

// Is tells it from the head of a request or response. gRPC-Web, which is another protocol, is not meant.
func Is(m *http1.Message) bool { return IsType(m.Get("Content-Type")) }

// IsType tells it from a Content-Type.
func IsType(value string) bool {
	value = strings.ToLower(value)
	rest, ok := strings.CutPrefix(value, contentType)
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ')
}

// Status returns the code of a call from the trailers of its response, or the head when there are no others, or, as clients do, from
// the status of HTTP when neither has one.
func Status(m *http1.Message) codes.Code {
	for _, fields := range [][]http1.Header{m.Trailers, m.Headers} {
		if text := get(fields, "grpc-status"); text != "" {
			if code, err := strconv.ParseUint(text, 10, 32); err == nil {
				return codes.Code(code)
			}
			return codes.Unknown
		}
	}
	switch m.Status {
	case http.StatusBadRequest:
		return codes.Internal
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	}
	return codes.Unknown
}

func get(fields []http1.Header, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
