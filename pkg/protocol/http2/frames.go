// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// largestTable is what the dynamic table of a direction may grow to, in bytes. Peers that agree on more are rare: most
	// leave it at 4 KiB, and browsers allow this much.
	largestTable = 64 << 10
	// longestString is the longest name or value of a field, in bytes. With a longer one the rest of the connection is lost, for the
	// dynamic table is not known any more.
	longestString = 256 << 10
	// fieldOverhead is what a field counts beside its name and value (RFC 9113, section 6.5.2).
	fieldOverhead = 32
)

// Source is one direction of a connection, with the times of its bytes in Unix nanoseconds.
type Source interface {
	io.Reader
	Peek(n int) ([]byte, error)
	Discard(n int) (int, error)
	Buffered() int
	NextAt() int64 // when the next byte came, which must be buffered
	LastAt() int64 // when the byte that was read last came
	Taken() int64  // bytes read so far
	Came() int64   // bytes that have come so far, read or not; may be called by others at any time
}

// events is told what the frames of one direction say, in their order. At is when the first byte of a frame came.
type events interface {
	headers(stream uint32, b block, at int64)
	data(stream uint32, part []byte, at int64)
	ended(stream uint32) // the direction of the stream has no more frames
	reset(stream uint32, code http2.ErrCode)
	goAway(last uint32)
	pushed()
	read() // all of a frame is
}

// block is a decoded header block. Its fields are valid during the call alone.
type block struct {
	fields  []hpack.HeaderField
	tooLong bool // some fields are left out
	end     bool // the stream ends with it
}

// direction reads the frames of one direction.
type direction struct {
	Source
	events  events
	decoder *hpack.Decoder
	limit   int // of a header block, in bytes as peers count them
	size    int
	block   block
}

func newDirection(s Source, e events, headLimit int) *direction {
	d := &direction{Source: s, events: e, limit: headLimit}
	d.decoder = hpack.NewDecoder(4096, d.emit)
	d.decoder.SetAllowedMaxDynamicTableSize(largestTable)
	d.decoder.SetMaxStringLength(longestString)
	return d
}

func (d *direction) emit(f hpack.HeaderField) {
	d.size += len(f.Name) + len(f.Value) + fieldOverhead
	if d.size > d.limit {
		d.block.tooLong = true
		return
	}
	d.block.fields = append(d.block.fields, f)
}

// run reads frames to the end of the direction, which is io.EOF between two frames.
func (d *direction) run() error {
	for {
		if _, err := d.Peek(1); err != nil {
			return err
		}
		at := d.NextAt()
		h, err := http2.ReadFrameHeader(d)
		if err != nil {
			return noMore(err)
		}
		if err := d.frame(h, at); err != nil {
			return err
		}
		d.events.read()
	}
}

func (d *direction) frame(h http2.FrameHeader, at int64) error {
	switch h.Type {
	case http2.FrameData:
		return d.readData(h, at)
	case http2.FrameHeaders, http2.FramePushPromise:
		return d.readHeaders(h, at)
	case http2.FrameRSTStream:
		return d.readReset(h)
	case http2.FrameGoAway:
		return d.readGoAway(h)
	case http2.FrameContinuation:
		return fmt.Errorf("%w: CONTINUATION after no HEADERS", ErrMalformed)
	}
	return d.skip(int64(h.Length))
}

func (d *direction) readData(h http2.FrameHeader, at int64) error {
	if h.StreamID == 0 {
		return fmt.Errorf("%w: DATA on stream 0", ErrMalformed)
	}
	length, padding, err := d.readPadding(h)
	if err != nil {
		return err
	}
	if err := d.each(length, func(part []byte) error {
		d.events.data(h.StreamID, part, d.LastAt())
		return nil
	}); err != nil {
		return err
	}
	if err := d.skip(padding); err != nil {
		return err
	}
	if h.Flags.Has(http2.FlagDataEndStream) {
		d.events.ended(h.StreamID)
	}
	return nil
}

// readHeaders reads HEADERS or PUSH_PROMISE and the CONTINUATIONs after it. A promise is decoded too, for the dynamic table
// depends on it.
func (d *direction) readHeaders(h http2.FrameHeader, at int64) error {
	if h.StreamID == 0 {
		return fmt.Errorf("%w: %s on stream 0", ErrMalformed, h.Type)
	}
	length, padding, err := d.readPadding(h)
	if err != nil {
		return err
	}
	prefix := int64(0) // before the block: a priority, or the promised stream
	switch {
	case h.Type == http2.FramePushPromise:
		prefix = 4
	case h.Flags.Has(http2.FlagHeadersPriority):
		prefix = 5
	}
	if length < prefix {
		return fmt.Errorf("%w: %s of %d bytes", ErrMalformed, h.Type, h.Length)
	}
	if err := d.skip(prefix); err != nil {
		return err
	}
	d.size, d.block = 0, block{fields: d.block.fields[:0]}
	if err := d.decode(length-prefix, padding); err != nil {
		return err
	}
	// END_HEADERS is the same flag of all three types.
	for whole := h.Flags.Has(http2.FlagHeadersEndHeaders); !whole; {
		if whole, err = d.readContinuation(h.StreamID); err != nil {
			return err
		}
	}
	if err := d.decoder.Close(); err != nil {
		return fmt.Errorf("%w: header block: %w", ErrMalformed, err)
	}
	if h.Type == http2.FramePushPromise {
		d.events.pushed()
		return nil
	}
	d.block.end = h.Flags.Has(http2.FlagHeadersEndStream)
	d.events.headers(h.StreamID, d.block, at)
	if d.block.end {
		d.events.ended(h.StreamID)
	}
	return nil
}

func (d *direction) readContinuation(stream uint32) (last bool, err error) {
	h, err := http2.ReadFrameHeader(d)
	if err != nil {
		return false, noMore(err)
	}
	if h.Type != http2.FrameContinuation || h.StreamID != stream {
		return false, fmt.Errorf("%w: %s amid a header block", ErrMalformed, h.Type)
	}
	return h.Flags.Has(http2.FlagContinuationEndHeaders), d.decode(int64(h.Length), 0)
}

// decode reads a fragment of a header block.
func (d *direction) decode(length, padding int64) error {
	if err := d.each(length, func(part []byte) error {
		if _, err := d.decoder.Write(part); err != nil {
			return fmt.Errorf("%w: header block: %w", ErrMalformed, err)
		}
		return nil
	}); err != nil {
		return err
	}
	return d.skip(padding)
}

func (d *direction) readReset(h http2.FrameHeader) error {
	const length = 4
	if h.Length != length || h.StreamID == 0 {
		return fmt.Errorf("%w: RST_STREAM of %d bytes on stream %d", ErrMalformed, h.Length, h.StreamID)
	}
	var payload [length]byte
	if _, err := io.ReadFull(d, payload[:]); err != nil {
		return noMore(err)
	}
	d.events.reset(h.StreamID, http2.ErrCode(binary.BigEndian.Uint32(payload[:])))
	return nil
}

func (d *direction) readGoAway(h http2.FrameHeader) error {
	const fixed = 8 // the last stream and the error code; text follows
	if h.Length < fixed || h.StreamID != 0 {
		return fmt.Errorf("%w: GOAWAY of %d bytes on stream %d", ErrMalformed, h.Length, h.StreamID)
	}
	var payload [fixed]byte
	if _, err := io.ReadFull(d, payload[:]); err != nil {
		return noMore(err)
	}
	d.events.goAway(binary.BigEndian.Uint32(payload[:]) & (1<<31 - 1))
	return d.skip(int64(h.Length) - fixed)
}

// readPadding reads the length of the padding of a frame, if it has any, and returns the lengths of what follows.
func (d *direction) readPadding(h http2.FrameHeader) (length, padding int64, err error) {
	length = int64(h.Length)
	if !h.Flags.Has(http2.FlagDataPadded) { // the same flag of all types that have it
		return length, 0, nil
	}
	var pad [1]byte
	if length == 0 {
		return 0, 0, fmt.Errorf("%w: %s without the length of its padding", ErrMalformed, h.Type)
	}
	if _, err := io.ReadFull(d, pad[:]); err != nil {
		return 0, 0, noMore(err)
	}
	padding = int64(pad[0])
	if length--; padding > length {
		return 0, 0, fmt.Errorf("%w: %s of %d bytes with %d bytes of padding", ErrMalformed, h.Type, h.Length, padding)
	}
	return length - padding, padding, nil
}

// each reads n bytes in the parts in which they lie in the buffer. A part is valid during the call alone.
func (d *direction) each(n int64, take func(part []byte) error) error {
	for n > 0 {
		if _, err := d.Peek(1); err != nil {
			return noMore(err)
		}
		part, err := d.Peek(int(min(n, int64(d.Buffered()))))
		if err != nil {
			return noMore(err)
		}
		n -= int64(len(part))
		if _, err := d.Discard(len(part)); err != nil {
			return noMore(err)
		}
		if err := take(part); err != nil { // nothing is read into the buffer meanwhile
			return err
		}
	}
	return nil
}

func (d *direction) skip(n int64) error {
	return d.each(n, func([]byte) error { return nil })
}

// noMore tells the end of the stream inside a frame from the end between frames.
func noMore(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
