// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// connection is one that is relayed, with the copies of what passes both ways. Its parsers read those, and make records.
type connection struct {
	capture   *Capture
	id        string
	direction trafficpb.Direction
	to        netip.AddrPort // where the client wanted to connect
	address   string         // of that, without the port
	peer      string         // host:port
	// serverName is whom a TLS client asked for, scheme how what is parsed was carried, untouched why TLS was not read.
	serverName, scheme, untouched string

	requests, responses *tee.Reader
	recorded            chan struct{} // closed after the first record
	firstRecord         sync.Once
	reserved            atomic.Int64 // bytes of bodies taken from the budget
	ordinal             uint64       // of the next exchange; used by who reads requests, or once both directions are read

	lossFrom    atomic.Int64 // Unix nanoseconds when parsing stopped, 0 as long as it has not
	lossBytes   atomic.Int64 // bytes of both directions up to there
	restCounted atomic.Bool
}

func newConnection(c *Capture, direction trafficpb.Direction, to, peer netip.AddrPort) *connection {
	return &connection{
		capture: c, id: ulid.Make().String(), direction: direction, to: to, address: to.Addr().String(), peer: peer.String(),
		requests:  tee.NewReader(tee.NewStream(c.Budget, queueLimit, &c.pace)),
		responses: tee.NewReader(tee.NewStream(c.Budget, queueLimit, &c.pace)),
		recorded:  make(chan struct{}),
	}
}

// run parses one protocol after the other until nothing follows.
func (c *connection) run() {
	for p := parser(newDetector(c)); p != nil; {
		var requests sync.WaitGroup
		requests.Go(func() { c.guard(p.requests) })
		c.guard(p.responses)
		requests.Wait()
		var next parser
		c.guard(func() { next = p.finish() })
		p = next
	}
	c.requests.Close()
	c.responses.Close()
	c.capture.Budget.Give(c.reserved.Swap(0))
	c.firstRecord.Do(func() { close(c.recorded) })
}

// guard keeps a parser's fault from the connection.
func (c *connection) guard(parse func()) {
	defer func() {
		if fault := recover(); fault != nil {
			c.capture.panics.Add(1)
			c.capture.Log.Error("A parser failed, the connection goes on unrecorded", "connection", c.id, "fault", fault)
			c.giveUp(c.requests, "parser fault")
			c.giveUp(c.responses, "parser fault")
		}
	}()
	parse()
}

// abort ends what is recorded of the connection.
func (c *connection) abort() {
	c.countRest()
	now := time.Now().UnixNano()
	c.requests.Stream().End(tee.ErrAborted, now)
	c.responses.Stream().End(tee.ErrAborted, now)
}

// endRequests says that the client sent all that it will.
func (c *connection) endRequests(at int64) { c.requests.Stream().End(io.EOF, at) }

// limits are those of a message. They let its body grow as far as the budget goes, and count in held what it takes.
func (c *connection) limits(held *atomic.Int64) http1.Limits {
	return http1.Limits{Head: headLimit, Body: c.capture.BodyLimit, Unhashed: true, Reserve: func(n int64) bool {
		if !c.capture.Budget.Take(n) {
			return false
		}
		held.Add(n)
		c.reserved.Add(n)
		return true
	}}
}

// release gives back what the bodies of an exchange that is recorded have taken.
func (c *connection) release(held *atomic.Int64) {
	n := held.Swap(0)
	c.reserved.Add(-n)
	c.capture.Budget.Give(n)
}

// giveUp stops parsing a direction for good: there is no safe way to find a later message. The loss is counted now, and
// once more at the end if more bytes have passed.
func (c *connection) giveUp(r *tee.Reader, reason string) {
	r.Close()
	now := time.Now().UnixNano()
	if c.lossFrom.CompareAndSwap(0, now) {
		c.lossBytes.Store(c.passed())
		c.lose(reason, now, now)
	}
}

// countRest counts what passed after parsing stopped.
func (c *connection) countRest() {
	from := c.lossFrom.Load()
	if from != 0 && c.passed() > c.lossBytes.Load() && c.restCounted.CompareAndSwap(false, true) {
		c.lose("connection not parsed to its end", from, time.Now().UnixNano())
	}
}

func (c *connection) passed() int64 {
	return c.requests.Stream().Written() + c.responses.Stream().Written()
}

// loseNow counts one exchange that is lost, of a connection that is read on.
func (c *connection) loseNow(reason string) {
	now := time.Now().UnixNano()
	c.lose(reason, now, now)
}

func (c *connection) lose(reason string, from, to int64) { c.loseSeveral(1, reason, from, to) }

func (c *connection) loseSeveral(count uint64, reason string, from, to int64) {
	c.capture.Recorder.Lose(&trafficpb.Loss{
		Direction: c.direction, Count: count, From: from, To: to, Reason: reason, Workload: c.capture.Workload,
	})
}

// unreadable tells whether nothing after a message can be read either.
func unreadable(err error) bool {
	return errors.Is(err, tee.ErrOverflow) || errors.Is(err, http1.ErrMalformed) || errors.Is(err, http1.ErrHeadTooLong) ||
		errors.Is(err, http2.ErrMalformed)
}

// lossReason names the reason of a loss for what ended a stream.
func lossReason(err error) string {
	switch {
	case errors.Is(err, tee.ErrOverflow):
		return "tee overflow"
	case errors.Is(err, http1.ErrMalformed), errors.Is(err, http2.ErrMalformed), errors.Is(err, websocket.ErrMalformed):
		return "malformed message"
	case errors.Is(err, http1.ErrHeadTooLong), errors.Is(err, http2.ErrHeadTooLong):
		return "head too long"
	case errors.Is(err, http2.ErrTooManyStreams):
		return "too many streams"
	}
	return "cut off"
}
