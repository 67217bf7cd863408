// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// deepestThrift is how deep values may be nested. A footer needs less than ten.
const deepestThrift = 32

// Types of https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md, in the order of their numbers.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
	thriftUUID
)

// thriftWalk walks over a value in the compact protocol of Thrift without keeping anything of it. Each entry of a list takes a byte at
// least, so that a walk over one that is longer than the bytes that are left ends in an error.
type thriftWalk struct{ rest []byte }

// value walks over a value, as it is as an entry of a list.
func (w *thriftWalk) value(kind byte, depth int) error {
	if depth == 0 {
		return fmt.Errorf("more than %d levels", deepestThrift)
	}
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.number()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftUUID:
		return w.skip(16)
	case thriftBinary:
		length, err := w.number()
		if err != nil {
			return err
		}
		return w.skip(length)
	case thriftList, thriftSet:
		return w.list(depth)
	case thriftMap:
		return w.entries(depth)
	case thriftStruct:
		return w.fields(depth)
	default:
		return fmt.Errorf("a value of type %d", kind)
	}
}

func (w *thriftWalk) fields(depth int) error {
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		delta, kind := head>>4, head&0xf
		if kind == thriftStop {
			return nil
		}
		if delta == 0 { // the number of the field follows
			if _, err := w.number(); err != nil {
				return err
			}
		}
		if kind == thriftTrue || kind == thriftFalse { // which are the value
			continue
		}
		if err := w.value(kind, depth-1); err != nil {
			return err
		}
	}
}

func (w *thriftWalk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	size := uint64(head >> 4)
	if size == 0xf { // it follows
		if size, err = w.number(); err != nil {
			return err
		}
	}
	for ; size > 0; size-- {
		if err := w.value(head&0xf, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) entries(depth int) error {
	size, err := w.number()
	if err != nil || size == 0 {
		return err
	}
	kinds, err := w.byte()
	if err != nil {
		return err
	}
	for ; size > 0; size-- {
		if err := errors.Join(w.value(kinds>>4, depth-1), w.value(kinds&0xf, depth-1)); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) number() (uint64, error) {
	v, n := protowire.ConsumeVarint(w.rest) // which are written as those of Thrift
	if n < 0 {
		return 0, protowire.ParseError(n)
	}
	w.rest = w.rest[n:]
	return v, nil
}

func (w *thriftWalk) byte() (byte, error) {
	if len(w.rest) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.rest)) {
		return io.ErrUnexpectedEOF
	}
	w.rest = w.rest[n:]
	return nil
}
