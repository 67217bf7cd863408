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

// newSequences takes entries in the order of recording, and sorts them by key.
func newSequences(entries []entry) *sequences {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.key.Hi, b.key.Hi), cmp.Compare(a.key.Lo, b.key.Lo))
	})
	distinct := 0
	for i := range entries {
		if i == 0 || entries[i].key != entries[i-1].key {
			distinct++
		}
	}
	s := &sequences{
		byKey: make(map[Key]uint32, distinct), all: make([]sequence, distinct), order: make([]uint32, len(entries)),
	}
	last := -1
	for i, e := range entries {
		if i == 0 || e.key != entries[i-1].key {
			last++
			s.byKey[e.key] = uint32(last)
			s.all[last].from = uint32(i)
		}
		s.all[last].count++
		s.order[i] = e.record
	}
	return s
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
