// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// The server of a bidirectional gRPC call answers before the request has ended, and the client may wait for that. Such a call is known by
// the messages that came before the first answer: its opening.

// Openings returns after how many messages of a request to its operation an answer may begin, in rising order. It is empty when the
// whole request comes before any answer.
func (x *Index) Openings(q *Request) []int {
	if len(x.openings) == 0 {
		return nil
	}
	x.redact(q)
	c := x.requests.Get().(*canonical)
	defer x.release(c)
	c.read(q)
	return x.openings[c.operation()]
}

// ClaimOpening takes the record of a call that begins with the messages in the body of q, and was answered then; false is none.
func (x *Index) ClaimOpening(q *Request) (Match, bool) {
	x.redact(q)
	c := x.requests.Get().(*canonical)
	defer x.release(c)
	c.read(q)
	if m, ok := x.claim(c.key(keyOpening, nil), q.Trace, Exact); ok {
		return m, true
	}
	volatile := x.volatileOf(c)
	if len(volatile) == 0 {
		return Match{}, false
	}
	return x.claim(c.key(keyDenoisedOpening, volatile), q.Trace, Denoised)
}

// addOpening takes a record into the index that is answered before its request is whole.
func (b *builder) addOpening(number uint32, r *trafficpb.Record, q *Request) {
	if r.GetProtocol() != traffic.ProtocolGRPC || q.byDigest() {
		return
	}
	messages, length, interleaved := opening(r)
	if !interleaved {
		return
	}
	begun := *q
	begun.Body, begun.BodyLength = q.Body[:length], int64(length)
	b.c.read(&begun)
	b.entries = append(b.entries, entry{b.c.key(keyOpening, nil), number})
	if volatile := b.index.volatileOf(&b.c); len(volatile) > 0 {
		b.entries = append(b.entries, entry{b.c.key(keyDenoisedOpening, volatile), number})
	}
	operation := b.c.operation()
	counts := b.index.openings[operation]
	if at, ok := slices.BinarySearch(counts, messages); !ok {
		b.index.openings[operation] = slices.Insert(counts, at, messages)
	}
}

// opening returns how many messages of a request, and bytes of its body, came before the first answer.
func opening(r *trafficpb.Record) (messages, length int, interleaved bool) {
	request, response := r.GetRequest(), r.GetResponse()
	first := response.GetFirstByte()
	if pieces := response.GetPieces(); len(pieces) > 0 {
		first = pieces[0].GetAt()
	}
	if first == 0 || request.GetLastByte() <= first {
		return 0, 0, false
	}
	if len(request.GetPieces()) == 0 { // one message, or none; only the end of the request came later
		for range grpc.Messages(request.GetBody()) {
			messages++
		}
		return messages, len(request.GetBody()), true
	}
	for _, p := range request.GetPieces() {
		if p.GetAt() > first {
			break
		}
		messages, length = messages+1, int(p.GetEnd())
	}
	return messages, min(length, len(request.GetBody())), true
}
