// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import "time"

// ReadableLatency writes three digits or so: 1.23s, 45.6ms, 789µs.
func ReadableLatency(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
