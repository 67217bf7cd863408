// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/http2"
)

// A handler of net/http can reset its stream, but neither knows which it is nor chooses the code. So requests are given a field with
// the number of their stream on their way in, and resets get their code on their way out.

// streamField is added to each request as the last field. Its name cannot be meant for anybody else.
const streamField = "restage-responder-stream"

const (
	frameHeader = 9
	// largestTagged is the size in bytes up to which a frame gets the field: that of frames of clients that were not allowed more.
	largestTagged = 16 << 10
	// neverIndexed begins a field with a new name that leaves the dynamic table alone.
	neverIndexed = 0x10
)

// takeStream takes the number of its stream out of a request; it is 0 when there is none.
func takeStream(header http.Header) uint32 {
	name := http.CanonicalHeaderKey(streamField)
	values := header[name]
	if len(values) == 0 {
		return 0
	}
	delete(header, name)
	stream, err := strconv.ParseUint(values[len(values)-1], 10, 31) // the last is ours
	if err != nil {
		return 0
	}
	return uint32(stream)
}

// tagger adds the field to the header blocks that open streams.
type tagger struct {
	from    io.Reader
	preface int    // bytes of it that were read
	left    int    // of a frame that is passed on as it is
	ready   []byte // to be handed out
	newest  uint32 // stream that was opened
	opening bool   // the block of the newest stream goes on
}

// Read returns what the client sends, with the fields.
func (t *tagger) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(t.ready) == 0 {
		if rest := len(http2.ClientPreface) - t.preface; rest > 0 {
			n, err := t.from.Read(p[:min(len(p), rest)])
			t.preface += n
			return n, err
		}
		if t.left > 0 {
			n, err := t.from.Read(p[:min(len(p), t.left)])
			t.left -= n
			return n, err
		}
		if err := t.nextFrame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.ready)
	t.ready = t.ready[n:]
	return n, nil
}

// nextFrame reads the header of a frame, and all of one that gets the field.
func (t *tagger) nextFrame() error {
	frame := make([]byte, frameHeader, frameHeader+64)
	if _, err := io.ReadFull(t.from, frame); err != nil {
		return err // io.EOF between frames, as it was
	}
	length := int(frame[0])<<16 | int(frame[1])<<8 | int(frame[2])
	kind, flags, stream := http2.FrameType(frame[3]), http2.Flags(frame[4]), binary.BigEndian.Uint32(frame[5:])&(1<<31-1)
	if !t.opens(kind, flags, stream) || length > largestTagged {
		t.ready, t.left = frame, length
		return nil
	}
	value := strconv.FormatUint(uint64(stream), 10)
	field := append([]byte{neverIndexed, byte(len(streamField))}, streamField...)
	field = append(append(field, byte(len(value))), value...)
	frame = append(frame, make([]byte, length)...)
	if _, err := io.ReadFull(t.from, frame[frameHeader:]); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	frame = append(frame, field...)
	length += len(field)
	frame[0], frame[1], frame[2] = byte(length>>16), byte(length>>8), byte(length)
	t.ready = frame
	return nil
}

// opens tells of the frame that ends the block of fields of a request. One with padding at its end is left alone.
func (t *tagger) opens(kind http2.FrameType, flags http2.Flags, stream uint32) bool {
	switch {
	case kind == http2.FrameHeaders && stream > t.newest:
		t.newest, t.opening = stream, true
	case kind != http2.FrameContinuation || stream != t.newest || !t.opening:
		return false
	}
	if !flags.Has(http2.FlagHeadersEndHeaders) { // the same bit in both kinds
		return false
	}
	t.opening = false
	return kind == http2.FrameContinuation || !flags.Has(http2.FlagHeadersPadded)
}

// resets are the codes with which streams are reset.
type resets struct {
	mu    sync.Mutex
	codes map[uint32]http2.ErrCode
}

// code says with which a stream will be reset.
func (r *resets) code(stream uint32, code http2.ErrCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.codes[stream] = code
}

func (r *resets) take(stream uint32) (http2.ErrCode, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	code, ok := r.codes[stream]
	delete(r.codes, stream)
	return code, ok
}

// patcher writes the codes into the resets among the frames that the server sends.
type patcher struct {
	to     io.Writer
	resets *resets
	header [frameHeader]byte
	have   int    // bytes of the header
	left   int    // bytes of the payload that are still to come
	code   []byte // what is put in the place of the payload; nil: nothing
}

// Write writes frames, or parts of some.
func (w *patcher) Write(p []byte) (int, error) {
	out := p
	for at := 0; at < len(p); {
		if w.left == 0 {
			n := copy(w.header[w.have:], p[at:])
			w.have, at = w.have+n, at+n
			if w.have == frameHeader {
				w.begin()
			}
			continue
		}
		n := min(w.left, len(p)-at)
		if w.code != nil {
			if &out[0] == &p[0] { // which is not ours to change
				out = bytes.Clone(p)
			}
			from := len(w.code) - w.left
			copy(out[at:at+n], w.code[from:])
		}
		w.left, at = w.left-n, at+n
	}
	return w.to.Write(out)
}

// begin looks at the header of a frame.
func (w *patcher) begin() {
	const codeLength = 4
	w.have, w.code = 0, nil
	w.left = int(w.header[0])<<16 | int(w.header[1])<<8 | int(w.header[2])
	if http2.FrameType(w.header[3]) != http2.FrameRSTStream || w.left != codeLength {
		return
	}
	if code, ok := w.resets.take(binary.BigEndian.Uint32(w.header[5:]) & (1<<31 - 1)); ok {
		w.code = binary.BigEndian.AppendUint32(nil, uint32(code))
	}
}
