// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package intercept

import (
	"sync"
	"sync/atomic"
)

// Intercepted is what became of a connection that is read.
const Intercepted = "intercepted"

// counters count connections since the start of the process.
type counters struct {
	intercepted atomic.Uint64
	mu          sync.Mutex
	passed      map[Reason]uint64
}

func (c *counters) count(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed == nil {
		c.passed = map[Reason]uint64{}
	}
	c.passed[reason]++
}

// Counts returns the TLS connections since the start of the process by what became of them: intercepted, or the reason why not.
func (i *Interceptor) Counts() map[string]uint64 {
	counts := map[string]uint64{Intercepted: i.intercepted.Load()}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, reason := range reasons {
		counts[string(reason)] = i.passed[reason]
	}
	return counts
}
