// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"iter"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Who can end the connection of a stream, as Record.ended_by has it.
const (
	EndedByClient = "client"
	EndedByServer = "server"
)

// SchemeTLS is the scheme of records of what TLS carried.
const SchemeTLS = "https"

// Part is one part of the body of a stream.
type Part struct {
	Bytes []byte // of the message's body
	At    int64  // Unix nanoseconds
	Kind  uint32
}

// Parts yields the parts of a body that came as a stream, in order. Pieces that do not fit the body are cut to it, so that any
// record can be walked through. Bytes after the last piece are in no part.
func Parts(m *trafficpb.Message) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		body, from := m.GetBody(), int64(0)
		for _, p := range m.GetPieces() {
			end := min(max(p.GetEnd(), from), int64(len(body)))
			if !yield(Part{Bytes: body[from:end:end], At: p.GetAt(), Kind: p.GetKind()}) {
				return
			}
			from = end
		}
	}
}

// PieceJSON is the readable form of a piece.
type PieceJSON struct {
	End  int64  `json:"end"` // offset in the body
	Time string `json:"time,omitempty"`
	Kind uint32 `json:"kind,omitempty"` // websocket: the opcode; opaque: the turn
}

// NewPiecesJSON returns the readable form of pieces.
func NewPiecesJSON(pieces []*trafficpb.Piece) []PieceJSON {
	var form []PieceJSON
	for _, p := range pieces {
		form = append(form, PieceJSON{End: p.GetEnd(), Time: timeText(p.GetAt()), Kind: p.GetKind()})
	}
	return form
}

// ParsePieces returns the pieces of a body with so many bytes. The error begins with the field.
func ParsePieces(form []PieceJSON, length int) ([]*trafficpb.Piece, error) {
	var pieces []*trafficpb.Piece
	var last int64
	for i, p := range form {
		if p.End < last || p.End > int64(length) {
			return nil, fmt.Errorf("pieces[%d].end: %d, allowed are %d to %d", i, p.End, last, length)
		}
		last = p.End
		at, err := parseTime(p.Time)
		if err != nil {
			return nil, fmt.Errorf("pieces[%d].time: %w", i, err)
		}
		pieces = append(pieces, &trafficpb.Piece{End: p.End, At: at, Kind: p.Kind})
	}
	return pieces, nil
}

// CheckEndedBy refuses what Record.ended_by cannot be; the error begins with the field.
func CheckEndedBy(who string) error {
	switch who {
	case "", EndedByClient, EndedByServer:
		return nil
	}
	return fmt.Errorf("endedBy: %q, allowed are %s and %s", who, EndedByClient, EndedByServer)
}
