// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// messages redacts one direction of a WebSocket, message by message, and returns where. What is compressed, or no text, cannot be
// searched.
func (p *pass) messages(m *trafficpb.Message, truncated bool) (names []string) {
	changed, searched := p.parts(m, truncated, func(part traffic.Part) ([]byte, bool) {
		switch {
		case len(part.Bytes) == 0:
			return part.Bytes, true
		case part.Kind&websocket.Compressed != 0, !isText(part.Bytes, false):
			return part.Bytes, false
		}
		out, _ := p.document(part.Bytes)
		return out, true
	})
	if !searched {
		names = add(names, "body.unsearched")
	}
	if changed {
		names = add(names, "body")
	}
	return names
}

// parts redacts the parts of a body that came as a stream, so that they end where their redacted forms do.
func (p *pass) parts(m *trafficpb.Message, truncated bool, redact func(traffic.Part) ([]byte, bool)) (changed, searched bool) {
	searched = true
	body := make([]byte, 0, len(m.GetBody()))
	pieces := make([]*trafficpb.Piece, 0, len(m.GetPieces()))
	rest := m.GetBody()
	add := func(part traffic.Part) {
		out, ok := redact(part)
		searched = searched && ok
		changed = changed || !bytes.Equal(out, part.Bytes)
		body = append(body, out...)
	}
	for part := range traffic.Parts(m) {
		add(part)
		pieces = append(pieces, &trafficpb.Piece{End: int64(len(body)), At: part.At, Kind: part.Kind})
		rest = rest[len(part.Bytes):]
	}
	if len(rest) > 0 {
		add(traffic.Part{Bytes: rest})
	}
	if changed {
		p.setBody(m, body, truncated)
		m.Pieces = pieces
	}
	return changed, searched
}
