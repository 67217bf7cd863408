// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// maxNap is how long the pacer sleeps at once, so that it sees within that time when the context ends.
const maxNap = 100 * time.Millisecond

// pacer releases requests at their intended starts. Both functions speak of the time since the common start.
type pacer struct {
	now        func() time.Duration
	sleepUntil func(time.Duration)
}

// run calls release with the index of each offset as soon as it is due. Offsets ascend. Deadlines are absolute: what was
// late does not make the next one late. Everything that is due is released before the next sleep.
func (p pacer) run(ctx context.Context, offsets []time.Duration, release func(i int)) {
	for next := 0; next < len(offsets) && ctx.Err() == nil; {
		now := p.now()
		if offsets[next] > now {
			p.sleepUntil(min(offsets[next], now+maxNap))
			continue
		}
		for next < len(offsets) && offsets[next] <= now {
			release(next)
			next++
		}
	}
}

// newPacer returns a pacer of the machine's monotonic clock. Its functions are to be called on a locked thread: nanosleep
// wakes up within some 100 µs, where the runtime's timers take a millisecond.
func newPacer(start time.Time) pacer {
	now := func() time.Duration { return time.Since(start) }
	return pacer{
		now: now,
		sleepUntil: func(t time.Duration) {
			// A thread that is held up between the two readings sleeps too short, which run does not mind, nor a
			// signal that ends the sleep.
			deadline := unix.NsecToTimespec(int64(monotonic() + t - now()))
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &deadline, nil)
		},
	}
}

func monotonic() time.Duration {
	var now unix.Timespec
	// Cannot fail: the clock exists on every Linux.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return time.Duration(now.Nano())
}

// runLocked runs the pacer on a thread of its own.
func (p pacer) runLocked(ctx context.Context, offsets []time.Duration, release func(i int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.run(ctx, offsets, release)
}
