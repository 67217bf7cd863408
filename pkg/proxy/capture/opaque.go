// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"sync/atomic"

	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// opaqueLimit is what is kept of each direction of a connection of an unknown protocol, in bytes. Many such connections carry
// what nobody can play, such as TLS; they are not to take the memory of others.
const opaqueLimit = 256 << 10

// opaqueParser keeps what passes in both directions, with its times.
type opaqueParser struct {
	*connection
	sent, received opaqueHalf
	held           atomic.Int64
}

// opaqueHalf is one direction.
type opaqueHalf struct {
	opaque.Half
	err error // why it ended
}

func newOpaqueParser(c *connection) parser {
	p := &opaqueParser{connection: c}
	limits := opaque.Limits{Body: min(opaqueLimit, c.capture.BodyLimit), Reserve: c.limits(&p.held).Reserve}
	p.sent.Limits, p.received.Limits = limits, limits
	return p
}

func (p *opaqueParser) requests() { p.sent.read(p.connection.requests) }

func (p *opaqueParser) responses() { p.received.read(p.connection.responses) }

func (h *opaqueHalf) read(r *tee.Reader) {
	for {
		piece, at, err := r.NextPiece()
		if err != nil {
			h.err = err
			return
		}
		h.Add(piece, at)
		_, _ = r.Discard(len(piece)) // cannot fail
	}
}

// finish records what passed, if anything did.
func (p *opaqueParser) finish() parser {
	defer p.release(&p.held)
	r := p.newRecord(traffic.ProtocolOpaque, p.ordinal)
	ofClient, ofServer := opaque.Turns(&p.sent.Half, &p.received.Half)
	r.Request, r.Response = p.sent.message(ofClient), p.received.message(ofServer)
	p.describeEnd(r, p.sent.err, p.received.err)
	if p.sent.Truncated {
		addDefect(r, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED)
	}
	if p.received.Truncated {
		addDefect(r, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED)
	}
	if p.sent.Length == 0 && p.received.Length == 0 && r.GetFailure() == "" {
		p.capture.leaveOut(p.direction, selection.Empty) // as a probe of a port does
		return nil
	}
	p.submit(r)
	return nil
}

func (h *opaqueHalf) message(pieces []opaque.Piece) *trafficpb.Message {
	m := &trafficpb.Message{Body: h.Kept, BodyLength: h.Length, BodySha256: h.SHA256(), FirstByte: h.First, LastByte: h.Last}
	for _, p := range pieces {
		m.Pieces = append(m.Pieces, &trafficpb.Piece{End: p.End, At: p.At, Kind: p.Turn})
	}
	return m
}
