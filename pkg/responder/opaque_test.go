// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// opaque is a record without turns, as recorders wrote them at first.
func opaque(port uint32, sent, received string) *trafficpb.Record {
	return &trafficpb.Record{
		Id: ulid.Make().String(), Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: "opaque", Host: "10.0.0.9", Port: port,
		Request:  &trafficpb.Message{Body: []byte(sent), BodyLength: int64(len(sent)), FirstByte: 10, LastByte: 20},
		Response: &trafficpb.Message{Body: []byte(received), BodyLength: int64(len(received)), FirstByte: 30, LastByte: 40},
	}
}

// turns makes a record of turns, each "> text" of the client or "< text" of the server, with a time between them.
func turns(port uint32, endedBy string, between time.Duration, all ...string) *trafficpb.Record {
	r := opaque(port, "", "")
	r.EndedBy, r.Request.FirstByte, r.Response.FirstByte = endedBy, 0, 0
	for i, turn := range all {
		m, at := r.Request, int64(i+1)*int64(between)
		if turn[0] == '<' {
			m = r.Response
		}
		m.Body = append(m.Body, turn[2:]...)
		m.BodyLength = int64(len(m.Body))
		if m.FirstByte == 0 {
			m.FirstByte = at
		}
		m.Pieces = append(m.Pieces, &trafficpb.Piece{End: m.BodyLength, At: at, Kind: uint32(i)})
	}
	return r
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

// TestConversationsArePlayed plays the greeting of a server, turns of both sides with their times, and both ways to end.
func TestConversationsArePlayed(t *testing.T) {
	const pause = 40 * time.Millisecond
	settings := defaultSettings()
	settings.Latency = "Recorded"
	e := playing(t, settings,
		turns(1, "server", pause, "< 220 ready\r\n", "> EHLO me\r\n", "< 250 hi\r\n", "> QUIT\r\n", "< 221 bye\r\n"),
		turns(2, "client", pause, "> PING", "< PONG", "> GET x", "< 1", "< 2", "< 3"))
	smtp := e.dial("", "10.0.0.9", 1)
	hear(t, smtp, "220 ready\r\n")
	for _, turn := range []struct{ say, hear string }{{"EHLO me\r\n", "250 hi\r\n"}, {"QUIT\r\n", "221 bye\r\n"}} {
		said := time.Now()
		say(t, smtp, turn.say)
		hear(t, smtp, turn.hear)
		if took := time.Since(said); took < pause {
			t.Errorf("the answer to %q took %v, want %v", turn.say, took, pause)
		}
	}
	if rest, err := io.ReadAll(smtp); err != nil || len(rest) > 0 { // the server ends it
		t.Errorf("at the end: %q, %v", rest, err)
	}
	redis := e.dial("", "10.0.0.9", 2)
	say(t, redis, "PI")
	say(t, redis, "NG")
	hear(t, redis, "PONG")
	said := time.Now()
	say(t, redis, "GET x")
	hear(t, redis, "123")
	if took := time.Since(said); took < 3*pause {
		t.Errorf("three pieces came within %v, want %v", took, 3*pause)
	}
	must(t, redis.Close())
	eventually(t, "both connections are reported", func() bool { return e.stats().Matches.Exact == 2 })
	if s := e.stats(); s.Matches.Missed != 0 || s.Unused != 0 {
		t.Errorf("stats %+v", s)
	}
}

func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	_, err := io.WriteString(w, text)
	must(t, err)
}

func hear(t *testing.T, r net.Conn, want string) {
	t.Helper()
	must(t, r.SetReadDeadline(time.Now().Add(20*time.Second)))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v, want %q", got, err, want)
	}
}

func TestOpaqueMisses(t *testing.T) {
	greeting := opaque(2, "login", "greeting")
	greeting.Response.FirstByte = 5
	e := playing(t, defaultSettings(), opaque(1, "PING\r\n", "PONG\r\n"), greeting, turns(4, "client", 1, "> A", "< 1", "> BCD", "< 2"))
	for i, c := range []struct {
		port       uint32
		sent, want string
	}{
		{1, "QUIT\r\n", "turn 1 of the client differs at byte 0"}, {2, "", "before the turns"}, {3, "\x00", "no connection to 10.0.0.9:3"},
		{4, "ABxx", "turn 2 of the client differs at byte 1"},
	} {
		conn := e.dial("", "10.0.0.9", c.port)
		var got []byte
		_, err := io.WriteString(conn, c.sent) // where nothing can be right, this may come after the reset
		if err == nil {
			got, err = io.ReadAll(conn)
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("port %d: %q, %v, want a reset", c.port, got, err)
		}
		page := e.outcomes(uint64(i))
		if len(page.Outcomes) != 1 || !strings.Contains(page.Outcomes[0].Explanation, c.want) {
			t.Errorf("port %d: outcomes %+v", c.port, page)
		}
	}
	// A client that leaves within a turn.
	conn := e.dial("", "10.0.0.9", 4)
	say(t, conn, "A")
	hear(t, conn, "1")
	say(t, conn, "BC")
	must(t, conn.CloseWrite())
	eventually(t, "the turn that was not ended is a miss", func() bool { return e.stats().Matches.Missed == 5 })
	page := e.outcomes(5)
	if len(page.Outcomes) != 1 || !strings.Contains(page.Outcomes[0].Explanation, "turn 2 of the client ended after 2 bytes") {
		t.Errorf("outcomes %+v", page)
	}
}
