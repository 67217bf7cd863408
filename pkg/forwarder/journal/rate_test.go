// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRateIsThatOfTheLastMinute(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	var r rate
	require.Zero(t, r.perSecond(start))
	for second := range 120 {
		now := start.Add(time.Duration(second) * time.Second)
		r = r.plus(5, now)
		if second > 0 {
			require.InDelta(t, 5, r.perSecond(now), 5, "after %d seconds", second)
		}
	}
	end := start.Add(119 * time.Second)
	require.InDelta(t, 5, r.perSecond(end), 0.2)
	require.InDelta(t, 2.5, r.perSecond(end.Add(30*time.Second)), 0.5, "half of the minute was quiet")
	require.Zero(t, r.perSecond(end.Add(time.Minute)))
	require.InDelta(t, 0.1, r.plus(6, end.Add(time.Hour)).perSecond(end.Add(time.Hour+9*time.Second)), 0.02, "long ago does not count")
}
