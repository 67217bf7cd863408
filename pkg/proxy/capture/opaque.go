// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"

	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// opaqueLimit is what is kept of each direction of a connection of an unknown protocol, in bytes.
const opaqueLimit = 64 << 10

const protocolOpaque = "opaque"

// opaqueParser keeps the beginning of both directions, to their end.
type opaqueParser struct {
	*connection
	sent, received opaqueHalf
}

// opaqueHalf is one direction.
type opaqueHalf struct {
	summary *opaque.Summary
	err     error
	first   int64
	last    int64
}

func newOpaqueParser(c *connection) parser { return &opaqueParser{connection: c} }

func (p *opaqueParser) requests() { p.sent.read(p.connection.requests) }

func (p *opaqueParser) responses() { p.received.read(p.connection.responses) }

func (h *opaqueHalf) read(r *tee.Reader) {
	if _, err := r.Peek(1); err == nil {
		h.first = r.NextAt()
	}
	h.summary, h.err = opaque.Read(r, opaqueLimit)
	h.last = r.LastAt()
}

// finish records what passed, if anything did.
func (p *opaqueParser) finish() parser {
	sent, received := p.sent, p.received
	r := p.newRecord(protocolOpaque, p.ordinal)
	r.Request, r.Response = sent.message(), received.message()
	var f *failure
	switch {
	case errors.As(received.err, &f):
		r.Failure = f.text
	case errors.Is(received.err, tee.ErrReset):
		r.Failure = "reset"
	case errors.Is(sent.err, tee.ErrAborted) && errors.Is(received.err, tee.ErrAborted):
		addDefect(r, trafficpb.Defect_DEFECT_CUT_OFF)
	}
	for _, half := range []opaqueHalf{sent, received} {
		if errors.Is(half.err, tee.ErrOverflow) {
			addDefect(r, trafficpb.Defect_DEFECT_TEE_OVERFLOW)
			p.giveUp(p.connection.requests, lossReason(half.err))
		}
	}
	if sent.summary != nil && sent.summary.Truncated() {
		addDefect(r, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED)
	}
	if received.summary != nil && received.summary.Truncated() {
		addDefect(r, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED)
	}
	if r.GetRequest().GetBodyLength() == 0 && r.GetResponse().GetBodyLength() == 0 && r.GetFailure() == "" {
		p.capture.leaveOut(p.direction, selection.Empty) // as a probe of a port does
		return nil
	}
	p.submit(r)
	return nil
}

func (h *opaqueHalf) message() *trafficpb.Message {
	if h.summary == nil {
		return &trafficpb.Message{}
	}
	return &trafficpb.Message{
		Body: h.summary.Kept, BodyLength: h.summary.Length, BodySha256: h.summary.SHA256, FirstByte: h.first, LastByte: h.last,
	}
}
