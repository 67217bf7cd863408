// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/restage-dev/restage/pkg/goal"
)

// histogram holds durations from 1 µs to 1 h with three significant digits, in 190 KB. Shorter and longer ones count
// as these bounds.
type histogram struct{ *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
}

func (h histogram) add(d time.Duration) {
	// Cannot fail: the value is within the bounds.
	_ = h.RecordValue(min(max(d.Microseconds(), 1), time.Hour.Microseconds()))
}

func (h histogram) quantile(percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}

func (h histogram) latency() goal.Latency {
	if h.TotalCount() == 0 {
		return goal.Latency{}
	}
	return goal.Latency{
		P50: h.quantile(50).Seconds(),
		P90: h.quantile(90).Seconds(),
		P99: h.quantile(99).Seconds(),
		Max: h.quantile(100).Seconds(),
	}
}
