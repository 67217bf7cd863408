// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"time"
)

// When more than MaxLateShare of the requests, and more than MaxLateCount of them, were taken up more than LateAfter
// after they could have been, the generator did not keep the pace of the recording and the replay is invalid. A share
// of 1 % is the same as a 99th percentile over LateAfter; the count keeps one hiccup from spoiling a short replay.
//
// A generator that keeps up is late by 0.1 ms in the median; on a machine of two processors that are busy with other work,
// the kernel alone delays one request in a hundred by 5 to 15 ms. LateAfter is beyond that, and well below the lateness of a
// generator that cannot keep up, which grows as long as it lasts. What is below it never flatters a target: it is part
// of every latency, as these count from the intended start.
const (
	LateAfter    = 20 * time.Millisecond
	MaxLateShare = 0.01
	MaxLateCount = 5
)

// Lateness says how well the generator kept the pace. Durations are in seconds.
type Lateness struct {
	// Sends is the number of requests that were taken up.
	Sends int64 `json:"sends"`
	// Late is the number of those taken up more than LateAfter too late.
	Late int64 `json:"late"`
	// LateAfter is the constant LateAfter.
	LateAfter float64 `json:"lateAfter"`
	// Released is the generator's own lateness: from the moment a request was due and its connection was free until
	// the generator took it up.
	Released LatenessPercentiles `json:"released"`
	// Sent is from the intended start until the request was written; it also holds the wait for the answer before it on the
	// same connection, and for a new connection.
	Sent LatenessPercentiles `json:"sent"`
}

// LatenessPercentiles are in seconds.
type LatenessPercentiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// lateness gathers what a Lateness shows.
type lateness struct {
	released, sent histogram
	late           int64
}

func newLateness() lateness {
	return lateness{released: newHistogram(), sent: newHistogram()}
}

func (l *lateness) add(released, sent time.Duration) {
	l.released.add(released)
	l.sent.add(sent)
	if released > LateAfter {
		l.late++
	}
}

func (l *lateness) result() Lateness {
	return Lateness{
		Sends: l.released.TotalCount(), Late: l.late, LateAfter: LateAfter.Seconds(),
		Released: percentiles(l.released), Sent: percentiles(l.sent),
	}
}

func percentiles(h histogram) LatenessPercentiles {
	all := h.latency()
	return LatenessPercentiles{P50: all.P50, P99: all.P99, Max: all.Max}
}

// invalid tells whether the generator was too late, and how much.
func (l Lateness) invalid() (Invalid, bool) {
	if l.Late <= MaxLateCount || float64(l.Late) <= MaxLateShare*float64(l.Sends) {
		return Invalid{}, false
	}
	return Invalid{Reason: ReasonLate, Message: fmt.Sprintf(
		"the generator was late: %d of %d requests by more than %v (99th percentile %.1f ms); give it more CPU or lower the speed",
		l.Late, l.Sends, LateAfter, 1000*l.Released.P99)}, true
}
