// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package opaque

import "github.com/restage-dev/restage/pkg/traffic/trafficpb"

// Sides returns what the client and the server of a record sent. One that was made before turns were kept has two.
func Sides(r *trafficpb.Record) (client, server Bytes) {
	request, response := r.GetRequest(), r.GetResponse()
	client, server = side(request), side(response)
	if !HasTurns(r) {
		turn := uint32(1)
		if ServerFirst(r) {
			turn = 0
		}
		client.Pieces = []Piece{{At: request.GetLastByte(), Turn: 1 - turn}}
		server.Pieces = []Piece{{At: response.GetFirstByte(), Turn: turn}}
	}
	return client, server
}

func side(m *trafficpb.Message) Bytes {
	b := Bytes{Sent: m.GetBody()}
	for _, p := range m.GetPieces() {
		b.Pieces = append(b.Pieces, Piece{End: p.GetEnd(), At: p.GetAt(), Turn: p.GetKind()})
	}
	return b
}

// HasTurns tells whether a record says who spoke when.
func HasTurns(r *trafficpb.Record) bool {
	return len(r.GetRequest().GetPieces())+len(r.GetResponse().GetPieces()) > 0
}

// ServerFirst tells whether the server of a record sent something before the client did.
func ServerFirst(r *trafficpb.Record) bool {
	request, response := r.GetRequest(), r.GetResponse()
	if response.GetBodyLength() == 0 {
		return false
	}
	return request.GetBodyLength() == 0 || response.GetFirstByte() < request.GetFirstByte()
}

// IsAmbiguous tells of a record without turns whose server spoke first: it may have spoken again after the client.
func IsAmbiguous(r *trafficpb.Record) bool {
	return !HasTurns(r) && ServerFirst(r) && r.GetRequest().GetBodyLength() > 0
}
