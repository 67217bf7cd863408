// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package opaque

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Script is a recorded conversation as whoever plays the server needs it.
type Script struct {
	// Client is all that the client sent.
	Client []byte
	// Steps are what the server sent, in order.
	Steps []Step

	turns []int // ends of the client's turns in Client
}

// Step is one piece that the server sent.
type Step struct {
	// After is how much of the client had come before.
	After int
	Bytes []byte
	// Delay is the time since what came before, from either side.
	Delay time.Duration
}

// Bytes is one direction: what was sent, and in which pieces.
type Bytes struct {
	Sent   []byte
	Pieces []Piece
}

// NewScript relates what both sides sent by the turns of their pieces. Pieces that do not fit what was sent are cut to it; bytes
// after the last piece belong to it.
func NewScript(client, server Bytes) *Script {
	s := &Script{Client: client.Sent}
	ofClient, ofServer := client.fitted(), server.fitted()
	var last int64 // time of what came before
	after, from := 0, 0
	for len(ofClient)+len(ofServer) > 0 {
		if len(ofServer) == 0 || len(ofClient) > 0 && comesBefore(ofClient[0], ofServer[0]) {
			p := ofClient[0]
			ofClient = ofClient[1:]
			after, last = int(p.End), p.At
			s.endTurn(after, p.Turn, ofClient)
			continue
		}
		p := ofServer[0]
		ofServer = ofServer[1:]
		s.Steps = append(s.Steps, Step{After: after, Bytes: server.Sent[from:p.End:p.End], Delay: between(last, p.At)})
		from, last = int(p.End), p.At
	}
	return s
}

// fitted are the pieces, so that they are in order and cover all that was sent.
func (b Bytes) fitted() []Piece {
	length := int64(len(b.Sent))
	if length == 0 {
		return nil
	}
	pieces := slices.Clone(b.Pieces)
	if len(pieces) == 0 {
		pieces = []Piece{{}}
	}
	var end int64
	for i := range pieces {
		end = min(max(end, pieces[i].End), length)
		pieces[i].End = end
	}
	pieces[len(pieces)-1].End = length
	return pieces
}

// comesBefore orders pieces of the two sides by turn.
func comesBefore(client, server Piece) bool {
	return cmp.Or(cmp.Compare(client.Turn, server.Turn), cmp.Compare(client.At, server.At)) <= 0
}

func (s *Script) endTurn(end int, turn uint32, following []Piece) {
	if len(following) == 0 || following[0].Turn != turn {
		s.turns = append(s.turns, end)
	}
}

// between is 0 when one of the times is missing or they are in the wrong order.
func between(earlier, later int64) time.Duration {
	if earlier == 0 || later == 0 {
		return 0
	}
	return time.Duration(max(later-earlier, 0))
}

// Place names a byte of the client: the turn that it is in, from 1 and counted over the client's alone, and its offset there.
func (s *Script) Place(offset int) (turn, in int) {
	i := sort.SearchInts(s.turns, offset+1)
	from := 0
	if i > 0 {
		from = s.turns[i-1]
	}
	return i + 1, offset - from
}
