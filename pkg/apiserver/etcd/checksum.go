// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// Checksum is written a snapshot and tells whether it is whole: etcd appends the SHA-256 of what comes before.
type Checksum struct {
	hash hash.Hash
	tail []byte // may be the appended hash
}

// NewChecksum returns one that nothing was written to.
func NewChecksum() *Checksum { return &Checksum{hash: sha256.New()} }

// Write takes a part of the snapshot. It never fails.
func (c *Checksum) Write(p []byte) (int, error) {
	c.tail = append(c.tail, p...)
	if body := len(c.tail) - sha256.Size; body > 0 {
		c.hash.Write(c.tail[:body])
		c.tail = append(c.tail[:0], c.tail[body:]...)
	}
	return len(p), nil
}

// Right tells whether all that was written is a whole snapshot.
func (c *Checksum) Right() bool {
	return len(c.tail) == sha256.Size && bytes.Equal(c.hash.Sum(nil), c.tail)
}
