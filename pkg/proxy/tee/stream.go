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

const chunkSize = 4096

// chunk is a piece of a stream as it came from the socket, or part of it.
type chunk struct {
	bytes [chunkSize]byte
	n     int
	at    int64
	next  *chunk
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// Stream is one direction of a connection: a bounded queue with the relay at one end and a Reader at the other.
type Stream struct {
	budget *Budget
	limit  int // bytes

	mu          sync.Mutex
	ready       sync.Cond
	first, last *chunk
	queued      int // bytes of chunks in the queue
	written     int64
	end         error // set once nothing more will be queued
	endedAt     int64
	closed      bool // the reader has gone
}

// NewStream returns a stream that queues up to limit bytes as far as the budget has them.
func NewStream(budget *Budget, limit int) *Stream {
	s := &Stream{budget: budget, limit: limit}
	s.ready.L = &s.mu
	return s
}

// Write queues a copy of b, which was read from the socket at the given time (Unix nanoseconds). It never blocks.
func (s *Stream) Write(b []byte, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += int64(len(b))
	if s.closed || s.end != nil {
		return
	}
	wake := s.first == nil
	for len(b) > 0 {
		n := s.append(b, at)
		if n == 0 {
			s.end, s.endedAt = ErrOverflow, at
			break
		}
		b = b[n:]
	}
	if wake {
		s.ready.Signal()
	}
}

// append puts the start of b into the last chunk, when that has the same time, or into a new one.
func (s *Stream) append(b []byte, at int64) int {
	if c := s.last; c != nil && c.at == at && c.n < chunkSize {
		n := copy(c.bytes[c.n:], b)
		c.n += n
		return n
	}
	if s.queued+chunkSize > s.limit || !s.budget.Take(chunkSize) {
		return 0
	}
	c := chunks.Get().(*chunk)
	c.n, c.at, c.next = copy(c.bytes[:], b), at, nil
	if s.last == nil {
		s.first = c
	} else {
		s.last.next = c
	}
	s.last = c
	s.queued += chunkSize
	return c.n
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
	n, at = copy(p, c.bytes[offset:c.n]), c.at
	if offset+n == c.n {
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
