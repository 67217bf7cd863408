// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
)

// maxPipelined requests may wait for their response before parsing stops until there is one.
const maxPipelined = 64

// http1Parser hands exchanges from the reader of requests to that of responses, in order.
type http1Parser struct {
	*connection
	exchanges     chan *exchange
	responsesGone chan struct{}
	switched      *exchange // whose response changes the protocol
}

func newHTTP1Parser(c *connection) parser {
	return &http1Parser{connection: c, exchanges: make(chan *exchange, maxPipelined), responsesGone: make(chan struct{})}
}

// exchange is a request and its response. The reader of requests fills the first part until whole is done,
// but for the head of request, which is there when the exchange is handed over.
type exchange struct {
	ordinal      uint64
	request      *http1.Message
	requestErr   error
	requestFirst int64
	requestLast  int64
	whole        sync.WaitGroup
	upgraded     chan bool // gets what the response says, when the request may change the protocol, else nil

	response      *http1.Message // nil when there was none
	responseErr   error
	responseFirst int64
	responseLast  int64
	events        *events // of a response that is a stream of them, else nil

	limits   http1.Limits
	reserved atomic.Int64
}

func (p *http1Parser) newExchange() *exchange {
	x := &exchange{ordinal: p.ordinal}
	x.limits = p.limits(&x.reserved)
	x.whole.Add(1)
	p.ordinal++
	return x
}

func (p *http1Parser) requests() {
	defer close(p.exchanges)
	for p.readRequest() {
	}
}

// readRequest reads one request and tells whether another may follow.
func (p *http1Parser) readRequest() bool {
	r := p.connection.requests
	if _, err := r.Peek(1); err != nil {
		if errors.Is(err, tee.ErrOverflow) {
			p.giveUp(r, lossReason(err))
		}
		return false
	}
	x := p.newExchange()
	x.requestFirst = r.NextAt()
	var err error
	if x.request, err = http1.ReadRequestHead(r.Reader, x.limits); err != nil {
		p.giveUp(r, lossReason(err))
		return false
	}
	if x.asksUpgrade() {
		x.upgraded = make(chan bool, 1)
	}
	// The head is handed over at once: a response may come before the body is whole.
	select {
	case p.exchanges <- x:
	case <-p.responsesGone:
		return false
	}
	if p.readRequestBody(x) != nil {
		return false
	}
	if x.upgraded == nil {
		return true
	}
	select {
	case upgraded := <-x.upgraded:
		return !upgraded
	case <-p.responsesGone:
		return false
	}
}

func (p *http1Parser) readRequestBody(x *exchange) error {
	defer x.whole.Done()
	x.requestErr = x.request.ReadBody(p.connection.requests.Reader, x.limits)
	x.requestLast = p.connection.requests.LastAt()
	return x.requestErr
}

func (x *exchange) asksUpgrade() bool {
	return x.request.Method == "CONNECT" || x.request.Get("Upgrade") != ""
}

func (p *http1Parser) responses() {
	defer close(p.responsesGone)
	readable := true
	for x := range p.exchanges {
		if readable {
			p.readResponse(x)
		} else {
			x.responseErr = tee.ErrAborted
		}
		upgraded := x.response != nil && x.response.Upgrade
		if x.upgraded != nil {
			x.upgraded <- upgraded
		}
		x.whole.Wait()
		if upgraded && x.response.HasToken("Upgrade", "h2c") {
			p.switched = x // its response comes as HTTP/2
			return
		}
		p.record(x)
		if err := x.responseErr; unreadable(err) {
			p.giveUp(p.connection.responses, lossReason(err))
			readable = false
		}
		if upgraded {
			p.switched = x
			return
		}
	}
}

// finish returns the parser of the protocol that the connection was switched to.
func (p *http1Parser) finish() parser {
	switch {
	case p.switched == nil:
		return nil
	case p.switched.response.HasToken("Upgrade", "h2c"):
		return upgradedParser(p.connection, p.switched)
	}
	if opensWebSocket(p.switched.response) {
		return newWebSocketParser(p.connection, p.switched)
	}
	return newOpaqueParser(p.connection)
}

func (p *http1Parser) readResponse(x *exchange) {
	if _, err := p.connection.responses.Peek(1); err != nil {
		x.responseErr = err
		return
	}
	x.responseFirst = p.connection.responses.NextAt()
	limits := x.limits
	x.response, x.responseErr = http1.ReadResponseHead(p.connection.responses.Reader, x.request.Method, limits)
	if x.responseErr == nil {
		x.watchEvents(&limits, p.connection.responses)
		x.responseErr = x.response.ReadBody(p.connection.responses.Reader, limits)
	}
	if x.response != nil && x.response.Upgrade && x.upgraded == nil {
		x.response, x.responseErr = nil, fmt.Errorf("%w: an upgrade that was not asked for", http1.ErrMalformed)
	}
	x.responseLast = p.connection.responses.LastAt()
}

// record records an exchange and gives back what its bodies took of the budget.
func (p *http1Parser) record(x *exchange) {
	defer p.release(&x.reserved)
	p.submit(p.exchangeRecord(traffic.ProtocolHTTP1, x))
	if err := x.requestErr; unreadable(err) {
		p.giveUp(p.connection.requests, lossReason(err))
	}
}
