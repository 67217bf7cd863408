// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package websocket reads and writes the messages of RFC 6455: masks and fragments are taken off, payloads that
// permessage-deflate (RFC 7692) compressed stay as they are.
package websocket

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Opcodes of messages.
const (
	Text   = 1
	Binary = 2
	Close  = 8
	Ping   = 9
	Pong   = 10
)

// Compressed is the bit of Message.Kind that says that the payload is compressed: RSV1, as it is on the wire.
const Compressed = 0x40

const (
	opcodeBits   = 0x0f
	controlBit   = 0x08
	continuation = 0
	finBit       = 0x80
	maskBit      = 0x80
	otherBits    = 0x30 // RSV2 and RSV3, which no extension that is known uses
	mostControl  = 125  // bytes of a control frame
)

// ErrMalformed is wrapped by all errors about frames that are none, or that the sender may not send.
var ErrMalformed = errors.New("malformed WebSocket frame")

// Message is what one side said.
type Message struct {
	// Kind is the opcode, with Compressed.
	Kind uint8
	// Payload is without masks and fragments, as far as it is kept.
	Payload []byte
	// Length counts all bytes of the payload.
	Length int64
}

// Opcode is the kind without the bit about compression.
func (m *Message) Opcode() uint8 { return m.Kind & opcodeBits }

// IsControl tells pings, pongs and the end from what is said.
func (m *Message) IsControl() bool { return m.Kind&controlBit != 0 }

// Truncated says that Payload is shorter than Length.
func (m *Message) Truncated() bool { return int64(len(m.Payload)) < m.Length }

// CloseCode is the status of a close message, 1005 when it has none.
func (m *Message) CloseCode() int {
	if len(m.Payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(m.Payload))
}

// Limits bounds what is kept of one message.
type Limits struct {
	// Payload is the number of bytes of a payload that are kept. More is read and counted.
	Payload int64
	// Reserve, when set, is asked before n more bytes of memory are taken. When it says no, no more of the payload is kept.
	Reserve func(n int64) bool
}

// Reader reads the messages of one direction.
type Reader struct {
	r      *bufio.Reader
	limits Limits
	masked bool     // as the client's frames are
	open   *Message // whose last fragment has not come
}

// NewReader returns a reader of what a client sent, or else a server.
func NewReader(r *bufio.Reader, fromClient bool, l Limits) *Reader {
	return &Reader{r: r, masked: fromClient, limits: l}
}

type header struct {
	kind   uint8
	fin    bool
	length int64
	mask   [4]byte
}

// Next returns the next message that is whole; a control message may come out before one that began earlier. The error is
// io.EOF exactly when the stream ended between messages.
func (r *Reader) Next() (*Message, error) {
	for {
		h, err := r.readHeader()
		if err != nil {
			return nil, err
		}
		m, err := r.messageOf(h)
		if err != nil {
			return nil, err
		}
		if err := r.readPayload(m, h); err != nil {
			return nil, err
		}
		if !h.fin {
			r.open = m
			continue
		}
		if h.kind&controlBit == 0 {
			r.open = nil
		}
		return m, nil
	}
}

// messageOf returns the message that a frame belongs to.
func (r *Reader) messageOf(h header) (*Message, error) {
	opcode := h.kind & opcodeBits
	switch {
	case opcode&controlBit != 0 && (!h.fin || h.length > mostControl || h.kind&Compressed != 0):
		return nil, fmt.Errorf("%w: a control frame is fragmented, compressed or longer than %d bytes", ErrMalformed, mostControl)
	case opcode == continuation && (r.open == nil || h.kind&Compressed != 0):
		return nil, fmt.Errorf("%w: a continuation of nothing, or one that begins compression", ErrMalformed)
	case opcode == continuation:
		return r.open, nil
	case opcode&controlBit == 0 && r.open != nil:
		return nil, fmt.Errorf("%w: a message begins within another one", ErrMalformed)
	case opcode != Text && opcode != Binary && opcode != Close && opcode != Ping && opcode != Pong:
		return nil, fmt.Errorf("%w: opcode %d", ErrMalformed, opcode)
	}
	return &Message{Kind: h.kind}, nil
}

func (r *Reader) readHeader() (header, error) {
	var b [8]byte
	if _, err := io.ReadFull(r.r, b[:1]); err != nil {
		if errors.Is(err, io.EOF) && r.open != nil {
			return header{}, io.ErrUnexpectedEOF
		}
		return header{}, err
	}
	h := header{fin: b[0]&finBit != 0, kind: b[0] & (opcodeBits | Compressed)}
	if b[0]&otherBits != 0 {
		return h, fmt.Errorf("%w: reserved bits", ErrMalformed)
	}
	if err := r.fill(b[:1]); err != nil {
		return h, err
	}
	if (b[0]&maskBit != 0) != r.masked {
		return h, fmt.Errorf("%w: frames of clients have a mask, and those of servers have none", ErrMalformed)
	}
	if err := r.readLength(&h, b[0]&^maskBit); err != nil {
		return h, err
	}
	if r.masked {
		return h, r.fill(h.mask[:])
	}
	return h, nil
}

func (r *Reader) readLength(h *header, short uint8) error {
	const two, eight = 126, 127
	var b [8]byte
	switch h.length = int64(short); short {
	case two:
		if err := r.fill(b[6:]); err != nil {
			return err
		}
		h.length = int64(binary.BigEndian.Uint64(b[:]))
	case eight:
		if err := r.fill(b[:]); err != nil {
			return err
		}
		if h.length = int64(binary.BigEndian.Uint64(b[:])); h.length < 0 {
			return fmt.Errorf("%w: a length of more than 63 bits", ErrMalformed)
		}
	}
	return nil
}

// fill reads all of b; the stream may not end there.
func (r *Reader) fill(b []byte) error {
	_, err := io.ReadFull(r.r, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) readPayload(m *Message, h header) error {
	for at := int64(0); at < h.length; {
		if _, err := r.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		part, _ := r.r.Peek(int(min(h.length-at, int64(r.r.Buffered())))) // cannot fail: only what is buffered
		from := len(m.Payload)
		r.keep(m, part)
		if r.masked {
			mask(m.Payload[from:], h.mask, at)
		}
		m.Length += int64(len(part))
		at += int64(len(part))
		_, _ = r.r.Discard(len(part)) // cannot fail
	}
	return nil
}

func (r *Reader) keep(m *Message, part []byte) {
	if m.Truncated() {
		return
	}
	part = part[:min(int64(len(part)), max(r.limits.Payload-int64(len(m.Payload)), 0))]
	if need := len(m.Payload) + len(part); need > cap(m.Payload) {
		to := max(need, min(2*cap(m.Payload), int(r.limits.Payload)))
		if r.limits.Reserve != nil && !r.limits.Reserve(int64(to-cap(m.Payload))) {
			return
		}
		grown := make([]byte, len(m.Payload), to)
		copy(grown, m.Payload)
		m.Payload = grown
	}
	m.Payload = append(m.Payload, part...)
}

// mask puts the mask on bytes that begin at an offset of the frame, or takes it off.
func mask(b []byte, key [4]byte, at int64) {
	for i := range b {
		b[i] ^= key[(at+int64(i))&3]
	}
}

// Append appends a message as one frame. Clients give the key of its mask.
func Append(dst []byte, kind uint8, payload []byte, key *[4]byte) []byte {
	dst = append(dst, finBit|kind)
	bit := uint8(0)
	if key != nil {
		bit = maskBit
	}
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, bit|uint8(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, bit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, bit|127), uint64(n))
	}
	if key == nil {
		return append(dst, payload...)
	}
	dst = append(dst, key[:]...)
	dst = append(dst, payload...)
	mask(dst[len(dst)-len(payload):], *key, 0)
	return dst
}

// AppendClose appends the payload of a close message.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, code), reason...)
}

// Accept is the value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
func Accept(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
