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
	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

type protocol int32

const (
	unknown protocol = iota
	http
	opaqueBytes
)

// connection parses both directions of one connection. One goroutine reads the requests and one the responses;
// exchanges go from the first to the second in order.
type connection struct {
	capture   *Capture
	id        string
	direction trafficpb.Direction
	to        netip.AddrPort // where the client wanted to connect
	peer      netip.AddrPort

	requests, responses *tee.Reader
	decision            atomic.Int32 // protocol
	decided             chan struct{}
	exchanges           chan *exchange
	responsesGone       chan struct{}
	recorded            chan struct{} // closed after the first record
	firstRecord         sync.Once
	reserved            atomic.Int64 // bytes of bodies taken from the budget
	ordinal             uint64       // of the next exchange, used by the reader of requests

	sent, received opaqueHalf

	lossFrom    atomic.Int64 // Unix nanoseconds when parsing stopped, 0 as long as it has not
	lossBytes   atomic.Int64 // bytes of both directions up to there
	restCounted atomic.Bool
}

// opaqueHalf is one direction of the opaque part of a connection.
type opaqueHalf struct {
	summary *opaque.Summary
	err     error
	first   int64
	last    int64
}

// maxPipelined requests may wait for their response before parsing stops until there is one.
const maxPipelined = 64

func newConnection(c *Capture, direction trafficpb.Direction, to, peer netip.AddrPort) *connection {
	return &connection{
		capture: c, id: ulid.Make().String(), direction: direction, to: to, peer: peer,
		requests:      tee.NewReader(tee.NewStream(c.Budget, queueLimit)),
		responses:     tee.NewReader(tee.NewStream(c.Budget, queueLimit)),
		decided:       make(chan struct{}),
		exchanges:     make(chan *exchange, maxPipelined),
		responsesGone: make(chan struct{}),
		recorded:      make(chan struct{}),
	}
}

// run parses until both directions ended.
func (c *connection) run() {
	var requests sync.WaitGroup
	requests.Go(func() { c.guard(c.readRequests) })
	c.guard(c.readResponses)
	requests.Wait()
	c.guard(c.recordOpaque)
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

// decide settles the protocol; the first word counts.
func (c *connection) decide(p protocol) protocol {
	if c.decision.CompareAndSwap(int32(unknown), int32(p)) {
		close(c.decided)
		if p == http {
			c.capture.http.Add(1)
		} else {
			c.capture.opaque.Add(1)
		}
	}
	return protocol(c.decision.Load())
}

// detect looks at the first bytes of the client.
func (c *connection) detect() protocol {
	for n := 1; ; n = c.requests.Buffered() + 1 {
		_, err := c.requests.Peek(n)
		first, _ := c.requests.Peek(c.requests.Buffered()) // cannot fail
		switch verdict := http1.Detect(first); {
		case verdict == http1.Yes:
			return c.decide(http)
		case verdict == http1.No || err != nil:
			return c.decide(opaqueBytes)
		}
	}
}

func (c *connection) readOpaque(r *tee.Reader, half *opaqueHalf) {
	if _, err := r.Peek(1); err == nil {
		half.first = r.NextAt()
	}
	half.summary, half.err = opaque.Read(r, opaqueLimit)
	half.last = r.LastAt()
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

func (c *connection) lose(reason string, from, to int64) {
	c.capture.Recorder.Lose(&trafficpb.Loss{
		Direction: c.direction, Count: 1, From: from, To: to, Reason: reason, Workload: c.capture.Workload,
	})
}

// lossReason names the reason of a loss for what ended a stream.
func lossReason(err error) string {
	switch {
	case errors.Is(err, tee.ErrOverflow):
		return "tee overflow"
	case errors.Is(err, http1.ErrMalformed):
		return "malformed message"
	case errors.Is(err, http1.ErrHeadTooLong):
		return "head too long"
	}
	return "cut off"
}
