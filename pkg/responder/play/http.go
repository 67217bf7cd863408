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
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// requestLimits are those of requests of workloads; the recorder keeps no longer heads.
var requestLimits = http1.Limits{Head: 64 << 10, Body: match.WholeBody}

// largestKept is the size in bytes up to which the buffer of a response is kept for the next one.
const largestKept = 256 << 10

// playHTTP answers requests, one after the other, until the connection ends.
func (c *connection) playHTTP(ctx context.Context) {
	for {
		m, err := c.readRequest()
		if err != nil {
			c.unreadable(err)
			return
		}
		if !c.answer(ctx, m) {
			return
		}
	}
}

func (c *connection) readRequest() (*http1.Message, error) {
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
func (c *connection) unreadable(err error) {
	if !errors.Is(err, http1.ErrMalformed) && !errors.Is(err, http1.ErrHeadTooLong) {
		return
	}
	c.server.reporter.MissedOpaque(c.host, c.hello.GetPort(), c.r.Buffered(), "a request could not be read: "+err.Error())
	c.reset()
}

// answer answers one request and tells whether the connection goes on.
func (c *connection) answer(ctx context.Context, m *http1.Message) bool {
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
	return c.respond(m, found)
}

// wait waits as long as the recording says, if that is wanted, and tells whether the responder still runs.
func (c *connection) wait(ctx context.Context, recorded time.Duration, received time.Time) bool {
	if !c.server.policy.Recorded {
		recorded = 0
	}
	return pause(ctx, recorded-time.Since(received))
}

// respond writes the recorded response with the framing of its head.
func (c *connection) respond(m *http1.Message, found match.Match) bool {
	response, reply := found.Record.GetResponse(), c.server.replies[found.Number]
	c.out = c.out[:0]
	switch {
	case m.Method == http.MethodHead:
		c.out = append(c.out, response.GetHead()...)
	case reply.raw:
		c.out = append(append(c.out, response.GetHead()...), response.GetBody()...)
	default:
		c.out = http1.AppendMessage(c.out, response.GetHead(), response.GetBody())
	}
	return c.send(m.Close || reply.closes)
}

// send writes the buffer and, when last is set, ends the connection. It tells whether the connection goes on.
func (c *connection) send(last bool) bool {
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
func (c *connection) miss(m *http1.Message) bool {
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

// longestHold is how long a call is left without an answer when the recording does not say how long it was.
const longestHold = 10 * time.Minute

// fail plays a recorded failure.
func (c *connection) fail(ctx context.Context, r *trafficpb.Record, received time.Time) {
	switch r.GetFailure() {
	case "timeout":
		d := patience(r)
		if d == 0 {
			d = longestHold
		}
		c.hold(d)
		_ = c.Close()
	case "eof":
		if c.wait(ctx, patience(r), received) {
			c.finish()
		}
	default: // "reset", and all that a connection can be refused with
		if c.wait(ctx, patience(r), received) {
			c.reset()
		}
	}
}
