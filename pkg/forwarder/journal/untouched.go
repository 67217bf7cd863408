// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"cmp"
	"maps"
	"slices"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxUntouched bounds how many are remembered of a workload; beyond it, those that were met last longest ago are forgotten.
const maxUntouched = 32

// Untouched counts the TLS connections of a workload to one place that were to be read and were not, for one reason.
type Untouched struct {
	Key    string // host:port
	Reason string
	Count  uint64
	Last   int64 // Unix nanoseconds
}

func untouchedOf(r *trafficpb.Record) []Untouched {
	if r.GetTlsUntouched() == "" {
		return nil
	}
	return []Untouched{{Key: traffic.SliceKey(r), Reason: r.GetTlsUntouched(), Count: 1, Last: max(traffic.Start(r), traffic.End(r))}}
}

// mergeUntouched adds up, newest first.
func mergeUntouched(a, b []Untouched) []Untouched {
	if len(b) == 0 {
		return a
	}
	type place struct{ key, reason string }
	sums := map[place]Untouched{}
	for _, u := range slices.Concat(a, b) {
		at := place{u.Key, u.Reason}
		u.Count, u.Last = u.Count+sums[at].Count, max(u.Last, sums[at].Last)
		sums[at] = u
	}
	merged := slices.SortedFunc(maps.Values(sums), func(a, b Untouched) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Reason, b.Reason))
	})
	return merged[:min(len(merged), maxUntouched)]
}
