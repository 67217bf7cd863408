// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// http2Parser records each stream of a connection as soon as both halves have ended.
type http2Parser struct {
	*connection
	conversation *http2.Conversation
	// Why the directions ended; the zero value would stand for a whole end.
	sentErr, receivedErr error
	found                bool // an exchange
}

func newHTTP2Parser(c *connection) parser { return newHTTP2(c) }

func newHTTP2(c *connection) *http2Parser {
	p := &http2Parser{connection: c, sentErr: tee.ErrAborted, receivedErr: tee.ErrAborted}
	p.conversation = http2.NewConversation(c.requests, c.responses, http2.Options{
		HeadLimit: headLimit, Ordinal: c.ordinal, Done: p.done, Lost: p.lost, Split: p.split,
		Limits: func(x *http2.Exchange) http1.Limits { return c.limits(&x.Held) },
	})
	return p
}

func (p *http2Parser) lost(x *http2.Exchange, err error) {
	p.release(&x.Held)
	p.found = true
	p.loseNow(lossReason(err))
}

// upgradedParser returns the parser of a connection of HTTP/1 whose last request was answered by a change to HTTP/2.
func upgradedParser(c *connection, x *exchange) parser {
	p := newHTTP2(c)
	if err := p.conversation.Upgraded(x.request, x.requestFirst, x.requestLast, x.reserved.Load()); err != nil {
		c.loseNow(lossReason(err))
		c.release(&x.reserved)
	}
	return p
}

// split finds the messages of a gRPC call, and server-sent events, so that the timing of what streams is kept.
func (p *http2Parser) split(x *http2.Exchange, m *http1.Message) http2.Splitter {
	switch {
	case grpc.Is(m):
		return &grpc.Splitter{Room: roomForPieces(p.limits(&x.Held).Reserve)}
	case showsEvents(m):
		return &eventPieces{room: roomForPieces(p.limits(&x.Held).Reserve)}
	}
	return nil
}

func (p *http2Parser) requests() {
	p.sentErr = p.conversation.Requests()
	p.stop(p.sentErr)
}

func (p *http2Parser) responses() {
	p.receivedErr = p.conversation.Responses()
	p.stop(p.receivedErr)
}

// stop gives up both directions when one cannot be read on: half of an exchange is of no use.
func (p *http2Parser) stop(err error) {
	if unreadable(err) {
		p.giveUp(p.connection.requests, lossReason(err))
		p.giveUp(p.connection.responses, lossReason(err))
	}
}

func (p *http2Parser) finish() parser {
	p.conversation.Finish(p.sentErr, p.receivedErr)
	if n := p.conversation.Promised(); n > 0 {
		now := time.Now().UnixNano()
		p.loseSeveral(n, "pushed response", now, now)
	}
	var f *failure
	if !p.found && errors.As(p.receivedErr, &f) { // a client that waits for the server's settings before it asks
		r := p.newRecord(traffic.ProtocolOpaque, p.ordinal)
		r.Failure = f.text
		p.submit(r)
	}
	return nil
}

// done records an exchange.
func (p *http2Parser) done(x *http2.Exchange) {
	defer p.release(&x.Held)
	p.found = true
	protocol := traffic.ProtocolHTTP2
	if grpc.Is(x.Request.Message) {
		protocol = traffic.ProtocolGRPC
	}
	request, response := &x.Request, &x.Response
	left := p.leftEvents(response)
	if left || p.leftWithAll(response) {
		response.Err = nil // as far as the client wanted, it is whole
	}
	r := p.exchangeRecord(protocol, &exchange{
		ordinal: x.Ordinal,
		request: request.Message, requestErr: whole(request, response), requestFirst: request.First, requestLast: request.Last,
		response: response.Message, responseErr: response.Err, responseFirst: response.First, responseLast: response.Last,
	})
	r.Stream = x.Stream
	if left {
		r.EndedBy = traffic.EndedByClient
	}
	if r.GetScheme() == "" {
		r.Scheme = "http" // whatever a proxy before it says of its own client
	}
	addStream(r.GetRequest(), request)
	addStream(r.GetResponse(), response)
	if protocol == traffic.ProtocolGRPC && response.Message != nil && response.Err == nil {
		r.GrpcStatus = uint32(grpc.Status(response.Message))
	}
	p.submit(r)
}

// whole returns why the request is not whole. One that was broken off when its response was there is: neither side wanted more.
func whole(request, response *http2.Half) error {
	var reset *http2.ResetError
	if response.Err == nil && errors.As(request.Err, &reset) {
		return nil
	}
	return request.Err
}

// addStream adds to a message what HTTP/1 has not.
func addStream(m *trafficpb.Message, h *http2.Half) {
	if m == nil {
		return
	}
	m.Trailers = h.Trailers
	switch s := h.Parts.(type) {
	case *grpc.Splitter:
		m.Pieces = s.Pieces(len(m.GetBody()))
	case *eventPieces:
		m.Pieces = s.kept(len(m.GetBody()))
	}
}
