// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package opaque keeps what passes on connections of unknown protocols as byte scripts: what each side sent, in which order
// and when, so that one side can be played to the other.
package opaque

import (
	"crypto/sha256"
	"hash"
)

// mostMarks is the number of times that are kept of one direction. What comes after them is not kept.
const mostMarks = 8192

// markSize is what a mark takes in memory, in bytes.
const markSize = 16

// Limits bounds what is kept of one direction.
type Limits struct {
	// Body is the number of bytes that are kept. More is counted and hashed.
	Body int64
	// Reserve, when set, is asked before n more bytes of memory are taken. When it says no, nothing more is kept.
	Reserve func(n int64) bool
}

// Half is one direction of a connection. The zero value of all but Limits is that of nothing sent.
type Half struct {
	Limits Limits
	// Kept are the first bytes.
	Kept []byte
	// Length counts all bytes, kept or not.
	Length int64
	// First and Last are when the first and the last byte came, in Unix nanoseconds.
	First, Last int64
	// Truncated says that Kept is shorter than Length.
	Truncated bool

	marks []mark
	hash  hash.Hash
}

// mark is the end of the bytes that came at one time.
type mark struct {
	end int64
	at  int64 // Unix nanoseconds
}

// Add takes bytes that came at one time.
func (h *Half) Add(b []byte, at int64) {
	if len(b) == 0 {
		return
	}
	if h.hash == nil {
		h.hash, h.First = sha256.New(), at
	}
	h.hash.Write(b)
	h.Length += int64(len(b))
	h.Last = at
	if !h.Truncated {
		h.keep(b, at)
	}
}

// SHA256 is the hash of the whole direction, nil when it is empty.
func (h *Half) SHA256() []byte {
	if h.hash == nil {
		return nil
	}
	return h.hash.Sum(make([]byte, 0, sha256.Size))
}

func (h *Half) keep(b []byte, at int64) {
	if room := h.Limits.Body - int64(len(h.Kept)); int64(len(b)) > room {
		h.Truncated = true
		b = b[:max(room, 0)]
	}
	if len(b) == 0 {
		return
	}
	if !h.grow(len(b)) || !h.mark(int64(len(h.Kept)+len(b)), at) {
		h.Truncated = true
		return
	}
	h.Kept = append(h.Kept, b...)
}

// mark remembers when the bytes up to end came.
func (h *Half) mark(end, at int64) bool {
	if n := len(h.marks); n > 0 && h.marks[n-1].at == at {
		h.marks[n-1].end = end
		return true
	}
	if len(h.marks) == mostMarks {
		return false
	}
	if len(h.marks) == cap(h.marks) {
		to := min(max(8, 2*cap(h.marks)), mostMarks)
		if !h.reserve(int64(to-cap(h.marks)) * markSize) {
			return false
		}
		grown := make([]mark, len(h.marks), to)
		copy(grown, h.marks)
		h.marks = grown
	}
	h.marks = append(h.marks, mark{end, at})
	return true
}

// grow makes room for n more bytes.
func (h *Half) grow(n int) bool {
	const first = 512
	need := len(h.Kept) + n
	if need <= cap(h.Kept) {
		return true
	}
	to := max(need, first, min(2*cap(h.Kept), int(h.Limits.Body)))
	if !h.reserve(int64(to - cap(h.Kept))) {
		return false
	}
	grown := make([]byte, len(h.Kept), to)
	copy(grown, h.Kept)
	h.Kept = grown
	return true
}

func (h *Half) reserve(n int64) bool { return h.Limits.Reserve == nil || h.Limits.Reserve(n) }
