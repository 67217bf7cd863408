// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

const (
	// maxChunkLine is the longest line with the size (and extensions) of a chunk.
	maxChunkLine = 4096
	// freeBody bytes of a body are kept without asking Limits.Reserve.
	freeBody = 4096
)

// ReadBody reads the body of a message whose head was read; the message has what was read so far also when it
// fails. Limits are those of the whole message.
func (m *Message) ReadBody(r *bufio.Reader, l Limits) error {
	k := Keeper{m: m, limits: l}
	defer k.Close()
	return k.read(r, m.framing)
}

// Keeper puts the body of a message together: it counts and hashes all of it, and keeps its start.
type Keeper struct {
	m        *Message
	limits   Limits
	reserved int64
	hash     hash.Hash // of a body that is not kept whole
}

// NewKeeper returns the keeper of a message whose body has no framing of HTTP/1.
func NewKeeper(m *Message, l Limits) *Keeper { return &Keeper{m: m, limits: l} }

// Close completes the message. Nothing is added any more.
func (k *Keeper) Close() {
	switch {
	case k.hash != nil:
		k.m.BodySHA256 = k.hash.Sum(nil)
	case len(k.m.Body) > 0 && !k.limits.Unhashed:
		sum := sha256.Sum256(k.m.Body)
		k.m.BodySHA256 = sum[:]
	}
}

func (k *Keeper) read(r *bufio.Reader, f framing) error {
	switch f.kind {
	case sized:
		return k.copy(r, f.size)
	case chunked:
		return k.readChunks(r)
	case toEOF:
		if err := k.copy(r, -1); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	return nil
}

// copy takes size bytes, or with a negative size all until the stream ends.
func (k *Keeper) copy(r *bufio.Reader, size int64) error {
	for size != 0 {
		if _, err := r.Peek(1); err != nil {
			return noMore(err)
		}
		n := int64(r.Buffered())
		if size > 0 {
			n = min(n, size)
			size -= n
		}
		part, err := r.Peek(int(n))
		if err != nil {
			return noMore(err)
		}
		k.Add(part)
		if _, err := r.Discard(int(n)); err != nil {
			return noMore(err)
		}
		if k.limits.Kept != nil {
			k.limits.Kept(k.m.Body)
		}
	}
	return nil
}

// Add adds a part of the body, of which it keeps a copy at most.
func (k *Keeper) Add(part []byte) {
	k.m.BodyLength += int64(len(part))
	if k.m.Truncated {
		k.hash.Write(part)
		return
	}
	room := k.limits.Body - int64(len(k.m.Body))
	if int64(len(part)) > room {
		k.truncate(part)
		part = part[:max(room, 0)]
	}
	if k.grow(len(part)) {
		k.m.Body = append(k.m.Body, part...)
	} else if !k.m.Truncated {
		k.truncate(part)
	}
}

// truncate begins to hash what is not kept: all that is, and the part after it.
func (k *Keeper) truncate(part []byte) {
	k.m.Truncated = true
	k.hash = sha256.New()
	k.hash.Write(k.m.Body)
	k.hash.Write(part)
}

// grow makes room for n more bytes, at first for all of a sized body that is small.
func (k *Keeper) grow(n int) bool {
	body := k.m.Body
	need := len(body) + n
	if need <= cap(body) {
		return true
	}
	to := max(need, min(2*cap(body), int(k.limits.Body)))
	if f := k.m.framing; f.kind == sized && cap(body) == 0 {
		to = max(need, int(min(f.size, k.limits.Body, 64<<10)))
	}
	if more := int64(to) - freeBody - k.reserved; more > 0 && k.limits.Reserve != nil {
		if !k.limits.Reserve(more) {
			return false
		}
		k.reserved += more
	}
	grown := make([]byte, len(body), to)
	copy(grown, body)
	k.m.Body = grown
	return true
}

func (k *Keeper) readChunks(r *bufio.Reader) error {
	for {
		size, err := readChunkSize(r)
		if err != nil {
			return err
		}
		if size == 0 {
			return k.readTrailers(r)
		}
		if err := k.copy(r, size); err != nil {
			return err
		}
		if err := readChunkEnd(r); err != nil {
			return err
		}
	}
}

// readChunkSize reads "hex [; extensions] CR LF"; a line feed alone is refused, as it is a way of smuggling.
func readChunkSize(r *bufio.Reader) (int64, error) {
	line, err := readChunkLine(r)
	if err != nil {
		return 0, err
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return 0, fmt.Errorf("%w: bad chunk size line %q", ErrMalformed, shorten(string(text)))
	}
	digits, _, _ := bytes.Cut(text, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, fmt.Errorf("%w: chunk size %q has not 1 to 15 digits", ErrMalformed, shorten(string(digits)))
	}
	var size int64
	for _, c := range digits {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, fmt.Errorf("%w: bad chunk size %q", ErrMalformed, shorten(string(digits)))
		}
		size = size<<4 | int64(digit)
	}
	return size, nil
}

// readChunkLine returns a line, which is mostly still in the buffer, up to the next read.
func readChunkLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxChunkLine {
			return nil, fmt.Errorf("%w: chunk size line longer than %d bytes", ErrMalformed, maxChunkLine)
		}
		switch {
		case err == nil && line == nil:
			return part, nil
		case err == nil:
			return append(line, part...), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, noMore(err)
		}
		line = append(line, part...)
	}
}

func readChunkEnd(r *bufio.Reader) error {
	for _, want := range []byte("\r\n") {
		b, err := r.ReadByte()
		if err != nil {
			return noMore(err)
		}
		if b != want {
			return fmt.Errorf("%w: chunk longer than its size", ErrMalformed)
		}
	}
	return nil
}

func (k *Keeper) readTrailers(r *bufio.Reader) error {
	end, err := r.Peek(2)
	if err != nil {
		return noMore(err)
	}
	if end[0] == '\r' && end[1] == '\n' {
		_, err := r.Discard(2)
		return err
	}
	lines, err := readHead(r, k.limits.Head)
	if err != nil {
		return noMore(err)
	}
	k.m.Trailers, err = parseFields(string(lines))
	return err
}
