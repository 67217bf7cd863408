// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/protocol/sse"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// http2Events are where the server-sent events of a stream of HTTP/2 end, and when they came.
type http2Events struct {
	splitter sse.Splitter
	list     []*trafficpb.Piece
}

// Add takes the next bytes of the body, which came at a time.
func (e *http2Events) Add(part []byte, at int64) {
	e.splitter.Feed(part, func(end int64) {
		if len(e.list) < mostEvents {
			e.list = append(e.list, &trafficpb.Piece{End: end, At: at})
		}
	})
}

// pieces are those of the part of the body that is kept.
func (e *http2Events) pieces(kept int) []*trafficpb.Piece {
	n := len(e.list)
	for n > 0 && e.list[n-1].GetEnd() > int64(kept) {
		n--
	}
	return e.list[:n]
}

// leftEvents tells of a stream of events that the client left between two of them, as the clients of such streams do.
func (p *http2Parser) leftEvents(response *http2.Half) bool {
	e, ok := response.Parts.(*http2Events)
	if !ok || !e.splitter.Between() || response.Message == nil || response.Message.Truncated {
		return false
	}
	return p.clientLeft(response.Err)
}

// leftWithAll tells of a response whose client left when it had as many bytes as the head promised. It did not wait for the end of the
// stream, or for trailers, as curl does not.
func (p *http2Parser) leftWithAll(response *http2.Half) bool {
	if response.Message == nil || response.Err == nil {
		return false
	}
	length, err := strconv.ParseInt(response.Message.Get("Content-Length"), 10, 64)
	return err == nil && length == response.Message.BodyLength && p.clientLeft(response.Err)
}

// clientLeft tells whether a response has no end because the client broke off the stream, or the connection.
func (p *http2Parser) clientLeft(err error) bool {
	var reset *http2.ResetError
	switch {
	case errors.As(err, &reset):
		return reset.ByClient
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, tee.ErrAborted), errors.Is(err, tee.ErrReset):
		return p.clientLeftFirst()
	}
	return false
}
