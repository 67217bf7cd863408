// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package protobuf reads messages of Protocol Buffers: fields by number, with values as their type says, or, without one, as far as the wire
// shows what they are.
package protobuf

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// deepest is how many messages may be nested; what is within the last is bytes.
	deepest = 64
	// mostFields bounds the memory that a message takes which is made of small fields alone.
	mostFields = 1 << 16
)

// Kind says what a value is taken for.
type Kind byte

// Kinds of values. The wire does not tell texts, bytes and nested messages apart. Where no type does, what reads as text is one, else what
// reads as a message is one, and the rest is bytes.
const (
	Number Kind = iota // of any type, also the bits of a floating-point number
	Text
	Bytes
	Nested
)

// Field is one field of a message. One that is repeated is there several times; so is one that is packed, if its type says so.
type Field struct {
	Number int32
	Kind   Kind
	Value  uint64  // of a Number; negative ones are in two's complement
	Bytes  []byte  // of a Text or Bytes: a part of the message; of a Number: how it is written there
	Fields []Field // of a Nested, as Parse returns them
	// Declared is the field in the type of its message, nil when that is not known, or does not fit.
	Declared protoreflect.FieldDescriptor
}

// Parse takes a message of a type, which may be nil, apart and tells whether it is one, of at most 65536 fields. The fields are ordered
// by number; those of one number stay in their order.
func Parse(message []byte, of protoreflect.MessageDescriptor) ([]Field, bool) {
	p := parser{left: mostFields}
	fields, ok := p.parse(message, of, deepest)
	return fields, ok && p.left >= 0
}

// parser counts the fields that a message may still have.
type parser struct{ left int }

func (p *parser) parse(message []byte, of protoreflect.MessageDescriptor, depth int) ([]Field, bool) {
	var fields []Field
	for len(message) > 0 {
		if p.left--; p.left < 0 {
			return nil, false
		}
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		f := Field{Number: int32(number), Declared: declared(of, number, kind)}
		value := message[n:]
		switch kind {
		case protowire.VarintType:
			f.Value, n = protowire.ConsumeVarint(value)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(value)
			f.Value = uint64(v)
		case protowire.Fixed64Type:
			f.Value, n = protowire.ConsumeFixed64(value)
		case protowire.BytesType:
			f.Bytes, n = protowire.ConsumeBytes(value)
			if n >= 0 && isPacked(f.Declared) {
				fields, message = p.unpack(fields, f), value[n:]
				continue
			}
			p.tell(&f, depth)
		case protowire.StartGroupType:
			var group []byte
			if group, n = protowire.ConsumeGroup(number, value); n >= 0 && !p.nest(&f, group, depth) {
				return nil, false
			}
		default:
			return nil, false
		}
		if n < 0 {
			return nil, false
		}
		if f.Kind == Number {
			f.Bytes = value[:n]
		}
		message = value[n:]
		fields = append(fields, f)
	}
	slices.SortStableFunc(fields, func(a, b Field) int { return cmp.Compare(a.Number, b.Number) })
	return fields, true
}

// tell says what the bytes of a field are, as it is declared. The type bytes says nothing: it may hold any of them.
func (p *parser) tell(f *Field, depth int) {
	switch {
	case f.Declared == nil || f.Declared.Kind() == protoreflect.BytesKind:
		p.guess(f, depth)
	case f.Declared.Kind() == protoreflect.MessageKind && p.nest(f, f.Bytes, depth):
		f.Bytes = nil
	case f.Declared.Kind() == protoreflect.StringKind && utf8.Valid(f.Bytes):
		f.Kind = Text
	default:
		f.Kind = Bytes
	}
}

// guess goes by what the bytes look like. A message whose first field is a text or a message of number 1 begins with a line feed, which
// texts hardly ever do.
func (p *parser) guess(f *Field, depth int) {
	text := isText(f.Bytes)
	switch {
	case text && (len(f.Bytes) == 0 || f.Bytes[0] != '\n'):
		f.Kind = Text
	case p.nest(f, f.Bytes, depth):
		f.Bytes = nil
	case text:
		f.Kind = Text
	default:
		f.Kind = Bytes
	}
}

// nest takes a message apart within another. What is none after all does not count.
func (p *parser) nest(f *Field, message []byte, depth int) bool {
	if depth == 0 {
		return false
	}
	left := p.left
	fields, ok := p.parse(message, typeOf(f.Declared), depth-1)
	switch {
	case ok:
		f.Kind, f.Fields = Nested, fields
	case p.left >= 0:
		p.left = left
	}
	return ok
}

func isText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
	}) < 0
}

const (
	// Seconds of 10 digits, which are of the years 2001 to 2286.
	leastSeconds, mostSeconds = 1_000_000_000, 9_999_999_999
	mostNanos                 = 999_999_999
)

// Time returns a nested message that looks like a google.protobuf.Timestamp as seconds since 1970 with nine decimals. One of whole
// seconds looks like any other message with a number.
func (f *Field) Time() (string, bool) {
	if f.Kind != Nested || len(f.Fields) != 2 {
		return "", false
	}
	if of := typeOf(f.Declared); of != nil && of.FullName() != "google.protobuf.Timestamp" {
		return "", false
	}
	seconds, nanos := &f.Fields[0], &f.Fields[1]
	if seconds.Number != 1 || seconds.Kind != Number || seconds.Value < leastSeconds || seconds.Value > mostSeconds ||
		nanos.Number != 2 || nanos.Kind != Number || nanos.Value == 0 || nanos.Value > mostNanos {
		return "", false
	}
	return fmt.Sprintf("%d.%09d", seconds.Value, nanos.Value), true
}

// IsType tells whether the media type, in lower case and without parameters, is that of one message.
func IsType(mediaType string) bool { return strings.HasSuffix(mediaType, "protobuf") }
