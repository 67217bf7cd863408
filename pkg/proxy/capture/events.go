// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/sse"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// mostEvents of one response are kept with their times; what follows is one piece.
const mostEvents = 16384

// eventPieces are where the server-sent events of a body end, and when they came.
type eventPieces struct {
	splitter sse.Splitter
	room     func() bool
	list     []*trafficpb.Piece
}

// Add takes the next bytes of the body, which came at a time.
func (e *eventPieces) Add(part []byte, at int64) {
	e.splitter.Feed(part, func(end int64) {
		if len(e.list) < mostEvents && e.room() {
			e.list = append(e.list, &trafficpb.Piece{End: end, At: at})
		}
	})
}

// kept are those of the part of the body that is kept.
func (e *eventPieces) kept(length int) []*trafficpb.Piece {
	n := len(e.list)
	for n > 0 && e.list[n-1].GetEnd() > int64(length) {
		n--
	}
	return e.list[:n]
}

// events are those of a response of HTTP/1.
type events struct {
	eventPieces
	exchange *exchange
	seen     int // bytes of the body that were split
}

// showsEvents tells of a stream of events that can be told apart, as they cannot in one with a content coding.
func showsEvents(response *http1.Message) bool {
	return sse.IsStream(response.Get("Content-Type")) && len(coding.List(response.Get("Content-Encoding"))) == 0
}

// watchEvents notes the events of a response as its body is read.
func (x *exchange) watchEvents(l *http1.Limits, r *tee.Reader) {
	if !showsEvents(x.response) {
		return
	}
	e := &events{eventPieces: eventPieces{room: roomForPieces(l.Reserve)}, exchange: x}
	x.events = e
	l.Kept = func(body []byte) { e.add(body, r.LastAt()) }
}

func (e *events) add(body []byte, at int64) {
	part := body[e.seen:]
	e.seen = len(body)
	e.Add(part, at)
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
