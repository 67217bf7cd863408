// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package opaque sums up a stream of an unknown protocol: its first bytes, its length and its hash.
package opaque

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// Summary is what is kept of one direction of a connection.
type Summary struct {
	Kept   []byte // the first bytes
	Length int64  // of the whole stream
	SHA256 []byte // of the whole stream; nil when it is empty
}

// Truncated tells whether the stream was longer than what is kept.
func (s *Summary) Truncated() bool { return int64(len(s.Kept)) < s.Length }

// Read reads r to its end and keeps limit bytes. With an error other than io.EOF the summary is of what was read before it.
func Read(r io.Reader, limit int) (*Summary, error) {
	s := &Summary{}
	hash := sha256.New()
	buffer := make([]byte, 4096)
	var err error
	for err == nil {
		var n int
		n, err = r.Read(buffer)
		hash.Write(buffer[:n])
		s.Length += int64(n)
		s.Kept = append(s.Kept, buffer[:min(n, limit-len(s.Kept))]...)
	}
	if s.Length > 0 {
		s.SHA256 = hash.Sum(nil)
	}
	if err == io.EOF {
		return s, nil
	}
	return s, fmt.Errorf("reading an opaque stream: %w", err)
}
