// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package tee copies what a relay passes on to a reader, without ever holding the relay up: what does not fit is
// dropped, and the reader is told.
package tee

import (
	"errors"
	"sync"
)

// Ends of a stream as its reader sees them, beside io.EOF.
var (
	// ErrOverflow says that bytes are missing from here on, because the queue or the budget was full.
	ErrOverflow = errors.New("bytes were not copied, the queue was full")
	// ErrReset says that the sender reset the connection.
	ErrReset = errors.New("connection reset")
	// ErrAborted says that the connection was torn down from elsewhere, not by the sender of this stream.
	ErrAborted = errors.New("connection torn down")
)

const (
	chunkSize = 4096
	// chunkMarks is how many small pieces may share a chunk.
	chunkMarks = 16
)

// chunk holds pieces of a stream as they came from the socket.
type chunk struct {
	bytes [chunkSize]byte
	marks [chunkMarks]chunkMark
	used  int // of marks; the end of the last is that of the bytes
	next  *chunk
}

// chunkMark is the end of a piece and when it came.
type chunkMark struct {
	end int
	at  int64
}

func (c *chunk) size() int { return c.marks[c.used-1].end }

// add puts the start of b into what is free.
func (c *chunk) add(b []byte, at int64) int {
	from := 0
	if c.used > 0 {
		from = c.size()
	}
	if from == chunkSize || c.used == chunkMarks {
		return 0
	}
	n := copy(c.bytes[from:], b)
	c.marks[c.used] = chunkMark{from + n, at}
	c.used++
	return n
}

// piece returns the rest of the piece that an offset is in.
func (c *chunk) piece(offset int) ([]byte, int64) {
	i := 0
	for c.marks[i].end <= offset {
		i++
	}
	return c.bytes[offset:c.marks[i].end], c.marks[i].at
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// Stream is one direction of a connection: a bounded queue with the relay at one end and a Reader at the other.
type Stream struct {
	budget *Budget
	limit  int   // bytes
	pace   *Pace // nil: the reader is woken at once

	mu          sync.Mutex
	ready       sync.Cond
	first, last *chunk
	queued      int // bytes of chunks in the queue
	written     int64
	beganAt     int64
	end         error // set once nothing more will be queued
	endedAt     int64
	closed      bool // the reader has gone
}

// NewStream returns a stream that queues up to limit bytes as far as the budget has them. Its reader is woken at the pace, or without one at once.
func NewStream(budget *Budget, limit int, pace *Pace) *Stream {
	s := &Stream{budget: budget, limit: limit, pace: pace}
	s.ready.L = &s.mu
	return s
}

// Write queues a copy of b, which was read from the socket at the given time (Unix nanoseconds). It never blocks.
func (s *Stream) Write(b []byte, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += int64(len(b))
	if s.beganAt == 0 {
		s.beganAt = at
	}
	if s.closed || s.end != nil {
		return
	}
	asleep := s.first == nil
	for len(b) > 0 {
		n := s.append(b, at)
		if n == 0 {
			s.end, s.endedAt = ErrOverflow, at
			break
		}
		b = b[n:]
	}
	switch {
	case s.pace == nil, s.end != nil, s.queued >= paceBytes:
		s.ready.Signal()
	case asleep:
		s.pace.wake(s)
	}
}

// append puts the start of b into the last chunk, or when that is full into a new one.
func (s *Stream) append(b []byte, at int64) int {
	if s.last != nil {
		if n := s.last.add(b, at); n > 0 {
			return n
		}
	}
	if s.queued+chunkSize > s.limit || !s.budget.Take(chunkSize) {
		return 0
	}
	c := chunks.Get().(*chunk)
	c.used, c.next = 0, nil
	if s.last == nil {
		s.first = c
	} else {
		s.last.next = c
	}
	s.last = c
	s.queued += chunkSize
	return c.add(b, at)
}

// Hurry has the reader woken at once from now on, for somebody waits for it.
func (s *Stream) Hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace = nil
	s.ready.Signal()
}

// End says that no more bytes will come, and why: io.EOF, ErrReset or ErrAborted. The first end counts.
func (s *Stream) End(err error, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end, s.endedAt = err, at
	}
	s.ready.Signal()
}

// Written returns the bytes that were written, queued or not.
func (s *Stream) Written() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Began returns when the first bytes came in Unix nanoseconds, or 0 while none have.
func (s *Stream) Began() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beganAt
}

// Ended returns when the stream ended in Unix nanoseconds, or 0 while it has not.
func (s *Stream) Ended() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endedAt
}

// read copies from the first chunk into p, waiting for one.
func (s *Stream) read(p []byte, offset int) (n int, at int64, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.first == nil {
		if s.end != nil {
			return 0, 0, false, s.end
		}
		s.ready.Wait()
	}
	c := s.first
	piece, at := c.piece(offset)
	n = copy(p, piece)
	if offset+n == c.size() {
		s.pop()
		return n, at, true, nil
	}
	return n, at, false, nil
}

func (s *Stream) pop() {
	c := s.first
	s.first = c.next
	if s.first == nil {
		s.last = nil
	}
	chunks.Put(c)
	s.queued -= chunkSize
	s.budget.Give(chunkSize)
}

// close drops what is queued and all that will be written.
func (s *Stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.first != nil {
		s.pop()
	}
	if s.end == nil {
		s.end = ErrAborted
	}
	s.ready.Signal()
}
