// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/redact"
)

// A response is redacted with its trailers, and keeps the status that they hold.
func TestRedactedTrailers(t *testing.T) {
	m, err := http1.ParseHead([]byte("HTTP/2 200 \r\ncontent-type: application/grpc\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	m.Body = []byte("\x00\x00\x00\x00\x11\x0a\x0fbob@example.com")
	m.BodyLength = int64(len(m.Body))
	m.Trailers = []http1.Header{{Name: "grpc-status", Value: "5"}, {Name: "grpc-message", Value: "no account of bob@example.com"}, {Name: "empty"}}
	j := judge{redactor: redact.NewRandom()}
	out := j.redacted("", m)
	if status := grpc.Status(out); status != codes.NotFound || len(out.Trailers) != len(m.Trailers) {
		t.Errorf("status %s, trailers %v", status, out.Trailers)
	}
	for _, f := range out.Trailers {
		if strings.Contains(f.Value, "bob@") {
			t.Errorf("%s is %s", f.Name, f.Value)
		}
	}
	if bytes.Contains(out.Body, []byte("bob@")) {
		t.Errorf("the body is %q", out.Body)
	}
}
