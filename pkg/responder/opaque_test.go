// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func opaque(port uint32, sent, received string) *trafficpb.Record {
	return &trafficpb.Record{
		Id: ulid.Make().String(), Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: "opaque", Host: "10.0.0.9", Port: port,
		Request:  &trafficpb.Message{Body: []byte(sent), BodyLength: int64(len(sent)), FirstByte: 10, LastByte: 20},
		Response: &trafficpb.Message{Body: []byte(received), BodyLength: int64(len(received)), FirstByte: 30, LastByte: 40},
	}
}

func TestOpaqueConnectionsArePlayed(t *testing.T) {
	refused := opaque(5, "", "")
	refused.Failure = "connect: connection refused"
	e := playing(t, defaultSettings(),
		opaque(1, "PING\r\n", "PONG\r\n"), opaque(2, "", "hello\n"), opaque(3, "A", "short"), opaque(3, "AB", "long"), opaque(4, "\x16\x03\x01", "\x15"), refused)
	for _, c := range []struct {
		port       uint32
		sent, want string
	}{{1, "PING\r\n", "PONG\r\n"}, {2, "", "hello\n"}, {3, "AB", "long"}, {3, "A", "short"}, {4, "\x16\x03\x01", "\x15"}} {
		conn := e.dial("", "10.0.0.9", c.port)
		_, err := io.WriteString(conn, c.sent)
		must(t, err)
		if got, err := io.ReadAll(conn); err != nil || string(got) != c.want {
			t.Errorf("port %d, sent %q: %q, %v, want %q", c.port, c.sent, got, err, c.want)
		}
	}
	if _, err := io.ReadAll(e.dial("", "10.0.0.9", 5)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a refused connection: %v, want a reset", err)
	}
	if s := e.stats(); s.Matches.Exact != 6 || s.Matches.Missed != 0 || s.Unused != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestOpaqueMisses(t *testing.T) {
	turns := opaque(2, "login", "greeting")
	turns.Response.FirstByte = 5
	e := playing(t, defaultSettings(), opaque(1, "PING\r\n", "PONG\r\n"), turns)
	for i, c := range []struct {
		port       uint32
		sent, want string
	}{{1, "QUIT\r\n", "none of 1 recorded connections"}, {2, "login", "several turns"}, {3, "\x00", "no connection to 10.0.0.9:3"}} {
		conn := e.dial("", "10.0.0.9", c.port)
		_, _ = io.WriteString(conn, c.sent) // may meet the reset already
		if got, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("port %d: %q, %v, want a reset", c.port, got, err)
		}
		page := e.outcomes(uint64(i))
		if len(page.Outcomes) != 1 || !strings.Contains(page.Outcomes[0].Explanation, c.want) {
			t.Errorf("port %d: outcomes %+v", c.port, page)
		}
	}
}
