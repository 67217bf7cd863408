// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package tee

import "sync/atomic"

// Budget bounds the bytes that all tees of a process hold, in queues and in bodies that are being put together.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Take takes n bytes, or none and returns false when there are not as many left.
func (b *Budget) Take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// Give gives n bytes back.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns the bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }
