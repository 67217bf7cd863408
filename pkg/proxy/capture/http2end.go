// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// leftEvents tells of a stream of events that the client left between two of them, as the clients of such streams do.
func (p *http2Parser) leftEvents(response *http2.Half) bool {
	e, ok := response.Parts.(*eventPieces)
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
