// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"slices"
	"testing"
)

// FuzzSplitter cuts a body anywhere: the messages must be those that it has as a whole.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add([]byte("\x00\x00\x00\x00\x05hello\x01\x00\x00\x00\x02ab"), uint8(3))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x"), uint8(5)) // two that are empty
	f.Add([]byte("\x00\x00\x00\x00\x01x\x00\xff\xff\xff\xffcut"), uint8(7))
	f.Fuzz(func(t *testing.T, body []byte, size uint8) {
		var s Splitter
		at := int64(0)
		for part := range slices.Chunk(body, int(size)+1) {
			at++
			s.Add(part, at)
		}
		var ends []int64
		end := int64(0)
		for m := range Messages(body) {
			end += PrefixLength + int64(len(m.Bytes))
			ends = append(ends, end)
		}
		if s.Count() != len(ends) {
			t.Fatalf("%d messages of %d", s.Count(), len(ends))
		}
		pieces := s.Pieces(len(body))
		if len(ends) < 2 {
			if pieces != nil {
				t.Errorf("pieces %v of a call that does not stream", pieces)
			}
			return
		}
		if len(pieces) != min(len(ends), mostPieces) {
			t.Fatalf("%d pieces of %d messages", len(pieces), len(ends))
		}
		for i, p := range pieces {
			if came := (p.GetEnd()-1)/(int64(size)+1) + 1; p.GetEnd() != ends[i] || p.GetAt() != came {
				t.Errorf("piece %d ends at %d and came at %d, want %d and %d", i, p.GetEnd(), p.GetAt(), ends[i], came)
			}
		}
		for _, kept := range []int{0, len(body) / 2, len(body)} {
			if p := s.Pieces(kept); len(p) > 0 && p[len(p)-1].GetEnd() > int64(kept) {
				t.Errorf("a piece ends at %d, after %d bytes that are kept", p[len(p)-1].GetEnd(), kept)
			}
		}
	})
}
