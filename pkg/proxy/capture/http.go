// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// exchange is a request and its response. The reader of requests fills the first part up to when it closes whole,
// but for the head of request, which is there when the exchange is handed over.
type exchange struct {
	ordinal      uint64
	request      *http1.Message
	requestErr   error
	requestFirst int64
	requestLast  int64
	whole        chan struct{}
	upgraded     chan bool // gets what the response says, when the request may change the protocol

	response      *http1.Message // nil when there was none
	responseErr   error
	responseFirst int64
	responseLast  int64

	reserved atomic.Int64
}

func (c *connection) newExchange() *exchange {
	x := &exchange{ordinal: c.ordinal, whole: make(chan struct{}), upgraded: make(chan bool, 1)}
	c.ordinal++
	return x
}

// limits lets the bodies of an exchange grow as far as the budget goes.
func (c *connection) limits(x *exchange) http1.Limits {
	return http1.Limits{Head: headLimit, Body: c.capture.BodyLimit, Reserve: func(n int64) bool {
		if !c.capture.Budget.Take(n) {
			return false
		}
		x.reserved.Add(n)
		c.reserved.Add(n)
		return true
	}}
}

func (c *connection) readRequests() {
	defer c.decide(opaqueBytes) // if detecting fails, nobody waits for it
	defer close(c.exchanges)
	if c.detect() == opaqueBytes {
		c.readOpaque(c.requests, &c.sent)
		return
	}
	for c.readRequest() {
	}
}

// readRequest reads one request and tells whether another may follow.
func (c *connection) readRequest() bool {
	if _, err := c.requests.Peek(1); err != nil {
		if errors.Is(err, tee.ErrOverflow) {
			c.giveUp(c.requests, lossReason(err))
		}
		return false
	}
	x := c.newExchange()
	x.requestFirst = c.requests.NextAt()
	limits := c.limits(x)
	var err error
	if x.request, err = http1.ReadRequestHead(c.requests.Reader, limits); err != nil {
		c.giveUp(c.requests, lossReason(err))
		return false
	}
	// The head is handed over at once: a response may come before the body is whole.
	select {
	case c.exchanges <- x:
	case <-c.responsesGone:
		return false
	}
	if c.readRequestBody(x, limits) != nil {
		return false
	}
	return !x.asksUpgrade() || !c.upgrade(x)
}

func (c *connection) readRequestBody(x *exchange, limits http1.Limits) error {
	defer close(x.whole)
	x.requestErr = x.request.ReadBody(c.requests.Reader, limits)
	x.requestLast = c.requests.LastAt()
	return x.requestErr
}

func (x *exchange) asksUpgrade() bool {
	return x.request.Method == "CONNECT" || x.request.Get("Upgrade") != ""
}

// upgrade waits for what the response says, and reads what follows if it is another protocol.
func (c *connection) upgrade(x *exchange) bool {
	select {
	case upgraded := <-x.upgraded:
		if !upgraded {
			return false
		}
	case <-c.responsesGone:
		return true
	}
	c.readOpaque(c.requests, &c.sent)
	return true
}

func (c *connection) readResponses() {
	defer close(c.responsesGone)
	if _, err := c.responses.Peek(1); err == nil && c.requests.Stream().Written() == 0 {
		c.decide(opaqueBytes) // the server speaks first: not HTTP/1
	}
	<-c.decided
	if protocol(c.decision.Load()) == opaqueBytes {
		c.readOpaque(c.responses, &c.received)
		return
	}
	readable := true
	for x := range c.exchanges {
		if readable {
			c.readResponse(x)
		} else {
			x.responseErr = tee.ErrAborted
		}
		x.upgraded <- x.response != nil && x.response.Upgrade
		<-x.whole
		c.finish(x)
		if err := x.responseErr; unreadable(err) {
			c.giveUp(c.responses, lossReason(err))
			readable = false
		}
		if x.response != nil && x.response.Upgrade {
			c.readOpaque(c.responses, &c.received)
			return
		}
	}
}

func (c *connection) readResponse(x *exchange) {
	if _, err := c.responses.Peek(1); err != nil {
		x.responseErr = err
		return
	}
	x.responseFirst = c.responses.NextAt()
	limits := c.limits(x)
	x.response, x.responseErr = http1.ReadResponseHead(c.responses.Reader, x.request.Method, limits)
	if x.responseErr == nil {
		x.responseErr = x.response.ReadBody(c.responses.Reader, limits)
	}
	if x.response != nil && x.response.Upgrade && !x.asksUpgrade() {
		x.response, x.responseErr = nil, fmt.Errorf("%w: an upgrade that was not asked for", http1.ErrMalformed)
	}
	x.responseLast = c.responses.LastAt()
}

// unreadable tells whether nothing after the message can be read either.
func unreadable(err error) bool {
	return errors.Is(err, tee.ErrOverflow) || errors.Is(err, http1.ErrMalformed) || errors.Is(err, http1.ErrHeadTooLong)
}

// finish records an exchange.
func (c *connection) finish(x *exchange) {
	c.record(x)
	if err := x.requestErr; unreadable(err) {
		c.giveUp(c.requests, lossReason(err))
	}
	n := x.reserved.Load()
	c.reserved.Add(-n)
	c.capture.Budget.Give(n)
}
