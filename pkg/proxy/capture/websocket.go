// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"crypto/sha256"
	"errors"
	"hash"
	"strings"
	"sync/atomic"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// mostMessages of one direction of a WebSocket are kept.
const mostMessages = 16384

// webSocketParser reads what follows an exchange that opened a WebSocket.
type webSocketParser struct {
	*connection
	opened         *exchange
	sent, received webSocketHalf
	held           atomic.Int64
}

// webSocketHalf is the messages of one direction, one after the other.
type webSocketHalf struct {
	message   trafficpb.Message
	hash      hash.Hash
	inflater  websocket.Inflater
	truncated bool
	err       error // why it ended
}

func opensWebSocket(response *http1.Message) bool {
	return response.Status == 101 && strings.EqualFold(response.Get("Upgrade"), "websocket")
}

func newWebSocketParser(c *connection, opened *exchange) parser {
	p := &webSocketParser{connection: c, opened: opened}
	p.sent.message.FirstByte = opened.responseLast // the stream begins here, whoever speaks first, and when
	return p
}

func (p *webSocketParser) requests() { p.read(&p.sent, p.connection.requests, true) }

func (p *webSocketParser) responses() { p.read(&p.received, p.connection.responses, false) }

func (p *webSocketParser) read(h *webSocketHalf, r *tee.Reader, fromClient bool) {
	limits := p.limits(&p.held)
	frames := websocket.NewReader(r.Reader, fromClient, websocket.Limits{Payload: limits.Body, Reserve: func(n int64) bool {
		return !h.truncated && limits.Reserve(n) // what comes after a message that was not kept is not kept either
	}})
	h.hash = sha256.New()
	for {
		m, err := frames.Next()
		if err != nil {
			h.err = err
			if unreadableFrames(err) {
				p.giveUp(r, lossReason(err))
			}
			return
		}
		h.add(m, r.LastAt(), limits)
	}
}

// add takes a message that was whole at a time. Messages are kept as long as there is room for all of them, without their compression, so that
// they can be searched.
func (h *webSocketHalf) add(m *websocket.Message, at int64, l http1.Limits) {
	if h.message.FirstByte == 0 {
		h.message.FirstByte = at
	}
	h.message.LastByte = at
	payload, ok := h.plain(m, l)
	if !ok {
		h.message.BodyLength += m.Length
		h.truncated = true
		return
	}
	h.message.BodyLength += int64(len(payload))
	h.hash.Write(payload)
	h.message.Body = append(h.message.Body, payload...)
	h.message.Pieces = append(h.message.Pieces, &trafficpb.Piece{End: int64(len(h.message.Body)), At: at, Kind: uint32(m.Kind &^ websocket.Compressed)})
}

// plain returns what a message says; it is not ok when there is no room for it, or it cannot be inflated.
func (h *webSocketHalf) plain(m *websocket.Message, l http1.Limits) ([]byte, bool) {
	room := l.Body - int64(len(h.message.Body))
	if h.truncated || m.Truncated() || m.Length > room || len(h.message.Pieces) == mostMessages || !l.Reserve(pieceSize) {
		return nil, false
	}
	payload, err := h.inflater.Inflate(m, room)
	if err != nil || m.Kind&websocket.Compressed != 0 && !l.Reserve(int64(len(payload))) {
		return nil, false
	}
	return payload, true
}

// finish records the messages of both directions, if there were any.
func (p *webSocketParser) finish() parser {
	defer p.release(&p.held)
	r := p.newRecord(traffic.ProtocolWebSocket, p.ordinal)
	p.opened.describe(r)
	r.Request, r.Response = p.sent.finish(), p.received.finish()
	p.describeEnd(r, p.sent.err, p.received.err)
	for _, err := range []error{p.sent.err, p.received.err} {
		if errors.Is(err, websocket.ErrMalformed) {
			addDefect(r, trafficpb.Defect_DEFECT_PARSE_ERROR)
		}
	}
	if p.sent.truncated {
		addDefect(r, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED)
	}
	if p.received.truncated {
		addDefect(r, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED)
	}
	p.submit(r)
	return nil
}

// finish returns the message. The hash of one that was cut is not known, for not all of it was looked at.
func (h *webSocketHalf) finish() *trafficpb.Message {
	if h.message.BodyLength > 0 && !h.truncated {
		h.message.BodySha256 = h.hash.Sum(nil)
	}
	return &h.message
}

func unreadableFrames(err error) bool {
	return errors.Is(err, tee.ErrOverflow) || errors.Is(err, websocket.ErrMalformed)
}
