// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// window is how far back a compressed message may refer, in bytes.
const window = 32 << 10

// Inflater reads the compressed messages of one direction, all of them and in their order: each may refer to those before.
type Inflater struct {
	past   []byte // the last window of what was inflated
	reader io.ReadCloser
}

// Inflate returns what a message says, which is the payload itself when that is not compressed. More than limit bytes are an
// error, and so is what is no deflate stream; messages after such a one cannot be read.
func (f *Inflater) Inflate(m *Message, limit int64) ([]byte, error) {
	if m.Kind&Compressed == 0 {
		return m.Payload, nil
	}
	// The sender left out the end of its block; a last, empty one ends the stream.
	in := io.MultiReader(bytes.NewReader(m.Payload), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}))
	if f.reader == nil {
		f.reader = flate.NewReaderDict(in, f.past)
	} else if err := f.reader.(flate.Resetter).Reset(in, f.past); err != nil {
		return nil, fmt.Errorf("inflating a message: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(f.reader, limit+1))
	if err != nil {
		return nil, fmt.Errorf("inflating a message: %w", err)
	}
	if int64(len(out)) > limit {
		return nil, errors.New("inflating a message: it has more than is read")
	}
	f.past = append(f.past, out...)
	if more := len(f.past) - window; more > 0 {
		f.past = append(f.past[:0], f.past[more:]...)
	}
	return out, nil
}
