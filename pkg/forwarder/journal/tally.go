// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"maps"
	"slices"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Bounds of what is counted by name, since the names come from proxies.
const (
	maxNames     = 64
	maxNameBytes = 96
	otherNames   = "Other"
)

// Tally counts by name. It is not changed once it is in Totals.
type Tally map[string]uint64

// plus returns the sum of both. Names beyond the bounds are counted together.
func (t Tally) plus(more Tally) Tally {
	if len(more) == 0 {
		return t
	}
	sum := maps.Clone(t)
	if sum == nil {
		sum = Tally{}
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		_, known := sum[name]
		if len(name) > maxNameBytes || !known && len(sum) >= maxNames {
			sum[otherNames] += more[name]
		} else {
			sum[name] += more[name]
		}
	}
	return sum
}

// Counts lists a tally in the order of the names.
func (t Tally) Counts() (list []*trafficpb.Count) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		list = append(list, &trafficpb.Count{Name: name, Count: t[name]})
	}
	return list
}

func tallyOf(counts []*trafficpb.Count) Tally {
	if len(counts) == 0 {
		return nil
	}
	tally := make(Tally, len(counts))
	for _, c := range counts {
		tally[c.GetName()] += c.GetCount()
	}
	return tally
}
