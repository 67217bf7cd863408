// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"encoding/binary"
	"iter"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// PrefixLength is that of what stands before each message: whether it is compressed, and its length in four bytes.
const PrefixLength = 5

// mostPieces bounds what is remembered of one body.
const mostPieces = 16 << 10

// Splitter finds the messages of a body as it comes.
type Splitter struct {
	// Room, when it is set, is asked before the end of a message is kept.
	Room func() bool

	prefix [PrefixLength]byte
	have   int   // bytes of the prefix
	left   int64 // bytes of the message that are still to come
	offset int64
	count  int
	pieces []*trafficpb.Piece
}

// Add is given the next bytes of the body and when they came, in Unix nanoseconds.
func (s *Splitter) Add(part []byte, at int64) {
	for len(part) > 0 {
		if s.have < PrefixLength {
			n := copy(s.prefix[s.have:], part)
			s.have, s.offset, part = s.have+n, s.offset+int64(n), part[n:]
			if s.have < PrefixLength {
				return
			}
			s.left = int64(binary.BigEndian.Uint32(s.prefix[1:]))
		}
		n := min(s.left, int64(len(part)))
		s.left, s.offset, part = s.left-n, s.offset+n, part[n:]
		if s.left == 0 {
			s.have = 0
			s.count++
			if len(s.pieces) < mostPieces && (s.Room == nil || s.Room()) {
				s.pieces = append(s.pieces, &trafficpb.Piece{End: s.offset, At: at})
			}
		}
	}
}

// Count returns the number of messages that have ended.
func (s *Splitter) Count() int { return s.count }

// Pieces returns where the messages end, as far as so many bytes of the body are kept; nil when there is one message or none, as in
// unary calls.
func (s *Splitter) Pieces(kept int) []*trafficpb.Piece {
	if len(s.pieces) < 2 {
		return nil
	}
	n := len(s.pieces)
	for n > 0 && s.pieces[n-1].GetEnd() > int64(kept) {
		n--
	}
	return s.pieces[:n]
}

// Messages yields the messages of a body without the lengths before them. It ends where the body is cut.
func Messages(body []byte) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for len(body) >= PrefixLength {
			length := int64(binary.BigEndian.Uint32(body[1:PrefixLength]))
			if int64(len(body)-PrefixLength) < length {
				return
			}
			m := Message{Compressed: IsCompressed(body), Trailers: body[0]&0x80 != 0, Bytes: body[PrefixLength : PrefixLength+length]}
			body = body[PrefixLength+length:]
			if !yield(m) {
				return
			}
		}
	}
}

// IsCompressed tells it of the message whose prefix begins a body, even one that was cut. The other bits say something else: gRPC-Web sends its
// trailers with the first one set.
func IsCompressed(body []byte) bool { return len(body) > 0 && body[0]&1 == 1 }

// All returns the messages of a body that ends after one, each without its compression, as long as they take no more than limit bytes
// altogether. The encoding is that of the header grpc-encoding.
func All(body []byte, encoding string, limit int) ([][]byte, bool) {
	var all [][]byte
	length := 0
	for m := range Messages(body) {
		length += PrefixLength + len(m.Bytes)
		plain := m.Bytes
		if m.Compressed {
			var err error
			if plain, err = coding.Decode(encoding, m.Bytes, int64(limit)); err != nil {
				return nil, false
			}
		}
		if limit -= len(plain); limit < 0 {
			return nil, false
		}
		all = append(all, plain)
	}
	return all, length == len(body)
}

// Message is one message of a call.
type Message struct {
	Compressed bool
	Trailers   bool // of gRPC-Web: no message, but lines of text
	Bytes      []byte
}
