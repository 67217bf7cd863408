// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/responder/match"
)

// requestLimits are those of requests of workloads; the recorder keeps no longer heads.
var requestLimits = http1.Limits{Head: 64 << 10, Body: match.WholeBody}

// largestKept is the size in bytes up to which the buffer of a response is kept for the next one.
const largestKept = 256 << 10

// http1Player answers requests, one after the other.
type http1Player struct {
	replies []reply // by number of record
}

func newHTTP1Player(s *Server) player { return &http1Player{replies: newReplies(s.index.Records())} }

func (p *http1Player) detect(_ *connection, first []byte) http1.Verdict { return http1.Detect(first) }

func (p *http1Player) play(ctx context.Context, c *connection) {
	h := &http1Connection{connection: c, replies: p.replies}
	for {
		m, err := h.readRequest()
		if err != nil {
			h.unreadable(err)
			return
		}
		if !h.answer(ctx, m) {
			return
		}
	}
}

// http1Connection is a connection that speaks HTTP/1.
type http1Connection struct {
	*connection
	replies []reply
	out     []byte // buffer of the last response
}

func (c *http1Connection) readRequest() (*http1.Message, error) {
	m, err := http1.ReadRequestHead(c.r, requestLimits)
	if err != nil {
		return nil, err
	}
	if m.Expect100 && c.r.Buffered() == 0 {
		if _, err := c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return nil, fmt.Errorf("asking for the body: %w", err)
		}
	}
	return m, m.ReadBody(c.r, requestLimits)
}

// unreadable ends a connection whose next request cannot be read. One that the client gave up is nothing to report.
func (c *http1Connection) unreadable(err error) {
	if !errors.Is(err, http1.ErrMalformed) && !errors.Is(err, http1.ErrHeadTooLong) {
		return
	}
	c.server.reporter.MissedOpaque(c.host, c.hello.GetPort(), c.r.Buffered(), "a request could not be read: "+err.Error())
	c.reset()
}

// answer answers one request and tells whether the connection goes on.
func (c *http1Connection) answer(ctx context.Context, m *http1.Message) bool {
	received := time.Now()
	q := match.FromMessage(m, c.hello.GetHost(), c.hello.GetAddress(), c.hello.GetPort())
	found, ok := c.server.index.Claim(q)
	if !ok {
		c.server.reporter.Missed(q)
		return c.miss(m)
	}
	c.server.reporter.Matched(q.Key(), found.Record.GetOperation(), found)
	if found.Record.GetFailure() != "" {
		c.fail(ctx, found.Record, received)
		return false
	}
	if !c.wait(ctx, delay(found.Record), received) {
		return false
	}
	if found.Record.GetStatus() == http.StatusSwitchingProtocols {
		c.changeProtocol(ctx, m, found)
		return false
	}
	if len(found.Record.GetResponse().GetPieces()) > 0 && m.Method != http.MethodHead {
		return c.stream(ctx, m, found)
	}
	return c.respond(m, found)
}

// respond writes the recorded response with the framing of its head.
func (c *http1Connection) respond(m *http1.Message, found match.Match) bool {
	response, reply := found.Record.GetResponse(), c.replies[found.Number]
	c.out = c.out[:0]
	switch {
	case m.Method == http.MethodHead:
		c.out = append(c.out, reply.head...)
	case reply.raw:
		c.out = append(append(c.out, reply.head...), response.GetBody()...)
	default:
		c.out = http1.AppendMessage(c.out, reply.head, response.GetBody())
	}
	return c.send(m.Close || reply.closes)
}

// send writes the buffer and, when last is set, ends the connection. It tells whether the connection goes on.
func (c *http1Connection) send(last bool) bool {
	_, err := c.Write(c.out)
	if cap(c.out) > largestKept {
		c.out = nil
	}
	if err != nil {
		return false
	}
	if last {
		c.finish()
	}
	return !last
}

// miss does with a call that was not recorded as the policy says, and tells whether the connection goes on.
func (c *http1Connection) miss(m *http1.Message) bool {
	status := c.server.policy.MissStatus
	if status == 0 {
		c.reset()
		return false
	}
	head := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nRestage-Match: Missed\r\n", status, http.StatusText(status))
	if m.Close {
		head = append(head, "Connection: close\r\n"...)
	}
	var body []byte
	if m.Method != http.MethodHead {
		body = []byte("The recording does not hold this call.\n")
	}
	c.out = http1.AppendMessage(c.out[:0], append(head, "\r\n"...), body)
	return c.send(m.Close)
}
