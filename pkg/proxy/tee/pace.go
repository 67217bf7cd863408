// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package tee

import (
	"sync"
	"time"
)

const (
	// paceDelay is how long a reader is left asleep when there is something to read, so that it finds more.
	paceDelay = 15 * time.Millisecond
	// paceBytes is how much may wait for it.
	paceBytes = 64 << 10
)

// Pace wakes the readers of streams together. To wake one with each piece would cost about what a relay costs: it mostly means to wake a
// processor. When the pieces came is known all the same. The zero Pace is ready.
type Pace struct {
	mu  sync.Mutex
	due []*Stream // have a reader that is to be woken
}

// wake has the reader of a stream woken in a while.
func (p *Pace) wake(s *Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) == 0 {
		time.AfterFunc(paceDelay, p.wakeAll)
	}
	p.due = append(p.due, s)
}

func (p *Pace) wakeAll() {
	p.mu.Lock()
	due := p.due
	p.due = nil
	p.mu.Unlock() // no relay waits for what follows
	for _, s := range due {
		s.ready.Signal()
	}
}
