// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import "time"

// The rate is that of the last minute, or of less where a workload came less than that ago.
const (
	rateSlots   = 6
	slotSeconds = 10
)

// rate counts what came lately, in slots of ten seconds.
type rate struct {
	counts [rateSlots]uint64
	newest int64 // number of the newest slot since 1970
	first  int64 // Unix seconds of when it began
}

// plus returns the rate with what has come now.
func (r rate) plus(count uint64, now time.Time) rate {
	if r.first == 0 {
		r.first = now.Unix()
	}
	r = r.at(now)
	r.counts[r.newest%rateSlots] += count
	return r
}

// at returns the rate without what is too old.
func (r rate) at(now time.Time) rate {
	slot := now.Unix() / slotSeconds
	for old := max(r.newest+1, slot-rateSlots+1); old <= slot; old++ {
		r.counts[old%rateSlots] = 0
	}
	r.newest = max(r.newest, slot)
	return r
}

// perSecond returns how much came a second.
func (r rate) perSecond(now time.Time) float64 {
	if r.first == 0 {
		return 0
	}
	r = r.at(now)
	sum := uint64(0)
	for _, count := range r.counts {
		sum += count
	}
	began := max(r.first, (r.newest-rateSlots+1)*slotSeconds)
	return float64(sum) / float64(max(now.Unix()-began, 1))
}
