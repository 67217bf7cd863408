// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// sequence is the records of one signature, or of one signature and trace, in the order in which they were recorded.
type sequence struct {
	next  atomic.Uint64 // number of claims so far
	from  uint32        // in sequences.order
	count uint32
}

// sequences finds the records of a key. It does not change but for the cursors.
type sequences struct {
	byKey map[Key]uint32 // index in all
	all   []sequence
	order []uint32 // numbers of records
}

// entry says that a record has a key.
type entry struct {
	key    Key
	record uint32
}

// newSequences takes entries in the order of recording. traceOf is the trace of a record, "" when it has none.
func newSequences(entries []entry, traceOf func(record uint32) string) *sequences {
	s := &sequences{byKey: map[Key]uint32{}}
	s.add(entries)
	var ofTraces []entry
	for key, i := range s.byKey {
		if s.all[i].count == 1 {
			continue // its only record is found without the trace
		}
		for _, record := range s.records(i) {
			if trace := traceOf(record); trace != "" {
				ofTraces = append(ofTraces, entry{traceKey(key, trace), record})
			}
		}
	}
	s.add(ofTraces)
	s.all, s.order = slices.Clip(s.all), slices.Clip(s.order)
	return s
}

// add groups entries by key; those of one key stay in their order.
func (s *sequences) add(entries []entry) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.key.Hi, b.key.Hi), cmp.Compare(a.key.Lo, b.key.Lo))
	})
	for i, e := range entries {
		if i == 0 || e.key != entries[i-1].key {
			s.byKey[e.key] = uint32(len(s.all))
			s.all = append(s.all, sequence{from: uint32(len(s.order))})
		}
		s.all[len(s.all)-1].count++
		s.order = append(s.order, e.record)
	}
}

// records are the numbers of the records of the sequence at index i.
func (s *sequences) records(i uint32) []uint32 {
	q := &s.all[i]
	return s.order[q.from : q.from+q.count]
}

// claim takes the next record of a key: of the trace, when records of it have the key, else of all that have the key.
// After the last record of a sequence the last is taken again.
func (s *sequences) claim(key Key, trace string) (uint32, bool) {
	i, ok := s.byKey[key]
	if !ok {
		return 0, false
	}
	if trace != "" {
		if ofTrace, ok := s.byKey[traceKey(key, trace)]; ok {
			i = ofTrace
		}
	}
	q := &s.all[i]
	n := q.next.Add(1) - 1
	return s.order[q.from+uint32(min(n, uint64(q.count-1)))], true
}

// traceKey is the key of the part of a sequence that belongs to one trace.
func traceKey(key Key, trace string) Key {
	return xxh3.Uint128{Hi: key.Hi ^ xxh3.HashString(trace), Lo: key.Lo ^ xxh3.HashStringSeed(trace, 1)}
}
