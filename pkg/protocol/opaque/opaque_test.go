// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package opaque

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestRead(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		size, limit, kept int
		end               error
	}{{0, 10, 0, nil}, {10, 10, 10, nil}, {11, 10, 10, nil}, {100000, 65536, 65536, nil}, {5000, 10, 10, broken}, {5, 0, 0, nil}} {
		data := bytes.Repeat([]byte("abc"), c.size)[:c.size]
		var r io.Reader = bytes.NewReader(data)
		if c.end != nil {
			r = io.MultiReader(r, iotest.ErrReader(c.end))
		}
		got, err := Read(r, c.limit)
		sum := sha256.Sum256(data)
		if !errors.Is(err, c.end) || got.Length != int64(c.size) || !bytes.Equal(got.Kept, data[:c.kept]) || got.Truncated() != (c.kept < c.size) ||
			(c.size > 0) != bytes.Equal(got.SHA256, sum[:]) {
			t.Errorf("%d bytes with limit %d: %d of %d kept, error %v", c.size, c.limit, len(got.Kept), got.Length, err)
		}
	}
}
