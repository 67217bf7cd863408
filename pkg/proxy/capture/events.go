// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/sse"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// mostEvents of one response are kept with their times; what follows is one piece.
const mostEvents = 16384

// events are where the server-sent events of a response end, and when they came.
type events struct {
	exchange *exchange
	reserve  func(n int64) bool
	splitter sse.Splitter
	seen     int // bytes of the body that were split
	list     []*trafficpb.Piece
}

// showsEvents tells of a stream of events that can be told apart, as they cannot in one with a content coding.
func showsEvents(response *http1.Message) bool {
	return sse.IsStream(response.Get("Content-Type")) && response.Get("Content-Encoding") == ""
}

// watchEvents notes the events of a response as its body is read.
func (x *exchange) watchEvents(l *http1.Limits, r *tee.Reader) {
	if !showsEvents(x.response) {
		return
	}
	e := &events{exchange: x, reserve: l.Reserve}
	x.events = e
	l.Kept = func(body []byte) { e.add(body, r.LastAt()) }
}

func (e *events) add(body []byte, at int64) {
	part := body[e.seen:]
	e.seen = len(body)
	e.splitter.Feed(part, func(end int64) {
		if len(e.list) < mostEvents && e.reserve(pieceSize) {
			e.list = append(e.list, &trafficpb.Piece{End: end, At: at})
		}
	})
}

func (e *events) pieces() []*trafficpb.Piece {
	if e == nil {
		return nil
	}
	return e.list
}

// endedByClient tells of a stream that ended between two events because the client left, as the clients of such streams do: it is
// whole. A server may have ended it properly when it saw that.
func (e *events) endedByClient(c *connection) bool {
	if e == nil || !e.splitter.Between() || e.exchange.response.Truncated {
		return false
	}
	switch err := e.exchange.responseErr; {
	case err == nil:
		left := c.requests.Stream().Ended()
		return left != 0 && left < e.exchange.responseLast
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, tee.ErrAborted), errors.Is(err, tee.ErrReset):
		return c.clientLeftFirst()
	}
	return false
}
