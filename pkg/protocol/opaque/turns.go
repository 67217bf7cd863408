// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package opaque

import "time"

// together is the time within which bytes of one turn that followed each other are one piece.
const together = time.Millisecond

// Piece is what one side sent in one go.
type Piece struct {
	End  int64 // offset in what the side sent
	At   int64 // Unix nanoseconds when it was whole
	Turn uint32
}

// Turns relates two directions by their times. A turn is what one side sent before the other one spoke; turns are counted over
// both sides from 0, whoever began. It is to be called once both directions have ended.
func Turns(client, server *Half) (ofClient, ofServer []Piece) {
	sides := [...]struct {
		marks  []mark
		pieces *[]Piece
	}{{client.marks, &ofClient}, {server.marks, &ofServer}}
	last, turn := -1, uint32(0)
	for len(sides[0].marks)+len(sides[1].marks) > 0 {
		next := 0
		// A server answers what it was sent, so that the client comes first at one time.
		if len(sides[0].marks) == 0 || len(sides[1].marks) > 0 && sides[1].marks[0].at < sides[0].marks[0].at {
			next = 1
		}
		if last >= 0 && next != last {
			turn++
		}
		last = next
		side := &sides[next]
		*side.pieces = appendPiece(*side.pieces, Piece{End: side.marks[0].end, At: side.marks[0].at, Turn: turn})
		side.marks = side.marks[1:]
	}
	return ofClient, ofServer
}

// appendPiece makes one piece of what came together.
func appendPiece(pieces []Piece, p Piece) []Piece {
	if n := len(pieces); n > 0 && pieces[n-1].Turn == p.Turn && time.Duration(p.At-pieces[n-1].At) <= together {
		pieces[n-1].End, pieces[n-1].At = p.End, p.At
		return pieces
	}
	return append(pieces, p)
}
