// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// messagesOfGRPC redacts the messages of a call, and the trailers that gRPC-Web sends as one. A compressed message is decoded, and encoded again when
// something was found, so that its length may change. What cannot be decoded is not searched; what follows the last whole message, in a body
// that was cut, is redacted as text, in which no rule for a field can be followed.
func (p *pass) messagesOfGRPC(body []byte, encoding string) (out []byte, searched bool) {
	out, searched = make([]byte, 0, len(body)), true
	var at compare.Place
	rest, index, room := body, 0, int64(compare.MostMessages)
	for m := range grpc.Messages(body) {
		at.Message(index)
		whole := grpc.PrefixLength + len(m.Bytes)
		out = append(out, rest[:whole]...)
		message, ok := out[len(out)-len(m.Bytes):], true
		switch {
		case m.Compressed:
			var again []byte
			again, ok = p.compressed(m.Bytes, encoding, &room, &at)
			out = append(binary.BigEndian.AppendUint32(out[:len(out)-whole+1], uint32(len(again))), again...)
			p.moved = p.moved || len(again) != len(m.Bytes)
		case m.Trailers:
			p.inPlace(message, "")
		default:
			ok = p.messageOfCall(message, &at)
		}
		at.Up()
		searched = searched && ok
		index++
		rest = rest[whole:]
	}
	out = append(out, rest...)
	switch cut := rest[min(grpc.PrefixLength, len(rest)):]; {
	case grpc.IsCompressed(rest):
		searched = false
	case len(cut) > 0:
		p.inPlace(out[len(out)-len(cut):], "")
		searched = searched && len(p.rules.paths) == 0
	}
	return out, searched
}

// compressed redacts a compressed message of a call whose messages may be as long as there is room once they are decoded.
func (p *pass) compressed(message []byte, encoding string, room *int64, at *compare.Place) (out []byte, searched bool) {
	p.decoding <- struct{}{} // few at a time, since each takes memory
	defer func() { <-p.decoding }()
	plain, err := coding.Decode(encoding, message, *room)
	if err != nil {
		return message, false
	}
	*room -= int64(len(plain))
	redacted := bytes.Clone(plain)
	searched = p.messageOfCall(redacted, at)
	if bytes.Equal(redacted, plain) {
		return message, searched
	}
	if out, err = coding.Encode(encoding, redacted); err != nil {
		return message, false // cannot be: it was decoded
	}
	return out, searched
}

// movePieces has the pieces of a call end where its messages do, which had other lengths.
func movePieces(m *trafficpb.Message, was []byte) {
	ends := map[int64]int64{} // by those that the messages had
	next, stop := iter.Pull(grpc.Messages(m.GetBody()))
	defer stop()
	from, to := int64(0), int64(0)
	for before := range grpc.Messages(was) {
		after, _ := next() // there are as many
		from += grpc.PrefixLength + int64(len(before.Bytes))
		to += grpc.PrefixLength + int64(len(after.Bytes))
		ends[from] = to
	}
	pieces := make([]*trafficpb.Piece, 0, len(m.GetPieces()))
	last := int64(0)
	for _, p := range m.GetPieces() {
		end, ok := ends[p.GetEnd()]
		if !ok { // in an upload that was edited
			end = p.GetEnd()
		}
		last = min(max(last, end), int64(len(m.GetBody())))
		pieces = append(pieces, &trafficpb.Piece{End: last, At: p.GetAt(), Kind: p.GetKind()})
	}
	m.Pieces = pieces
}

// messageOfCall redacts a message of a call. It is not searched when there are rules for fields by name, and the descriptor set that was named does
// not have its type.
func (p *pass) messageOfCall(message []byte, at *compare.Place) (searched bool) {
	searched = p.messageFields(message, p.of, at)
	return searched && (p.of != nil || p.types == nil || !p.rules.named)
}

// messageFields redacts the fields of a message, of a type that may be nil, where they are: lengths are written before values, so those must
// stay. A message that cannot be taken apart is redacted as text. It is not searched then when there are rules for fields.
func (p *pass) messageFields(message []byte, of protoreflect.MessageDescriptor, at *compare.Place) (searched bool) {
	fields, ok := protobuf.Parse(message, of)
	if !ok {
		p.inPlace(message, "")
		return len(p.rules.paths) == 0
	}
	p.fieldsOf(fields, "", at)
	return true
}

// fieldsOf redacts fields, which have a class by where they are when nothing else gives them one.
func (p *pass) fieldsOf(fields []protobuf.Field, inherited string, at *compare.Place) {
	for group, isList := range protobuf.Groups(fields) {
		at.Field(&group[0])
		for i := range group {
			if isList {
				at.Element(i)
			}
			p.messageField(&group[i], inherited, at)
			if isList {
				at.Up()
			}
		}
		at.Up()
	}
}

func (p *pass) messageField(f *protobuf.Field, inherited string, at *compare.Place) {
	class := cmp.Or(p.rules.of(at), inherited)
	if class == "" && f.Declared != nil {
		class = p.classOfName([]byte(f.Declared.Name()))
	}
	switch {
	case f.Kind == protobuf.Nested && f.Declared != nil && f.Declared.IsMap():
		p.entry(f.Fields, at)
	case f.Kind == protobuf.Nested:
		if !isOneValue(f.Declared) {
			class = ""
		}
		p.fieldsOf(f.Fields, class, at)
	case f.Kind != protobuf.Number:
		p.inPlace(f.Bytes, class)
	case class != "":
		if noNumber(f.Bytes) {
			p.count(class)
		}
	}
}

// classOfName is the class of what has a name, which is empty when the name does not say that it is secret.
func (p *pass) classOfName(name []byte) string {
	if p.fields && isSecretName(name) {
		return ClassSecretField
	}
	return ""
}

// entry redacts an entry of a map, whose key is the name of its value.
func (p *pass) entry(fields []protobuf.Field, at *compare.Place) {
	class, n := "", 0
	for n < len(fields) && fields[n].Number == 1 {
		class = cmp.Or(class, p.classOfName(fields[n].Bytes))
		n++
	}
	p.fieldsOf(fields[:n], "", at)
	p.fieldsOf(fields[n:], class, at)
}

// isOneValue tells of a field that was taken for a message whether it is one value all the same, all of which is as secret as its name says: bytes that
// only look like a message, and the types that stand for a value in JSON. The members of any other message have names of their own.
func isOneValue(f protoreflect.FieldDescriptor) bool {
	if f == nil || f.Kind() == protoreflect.BytesKind {
		return true
	}
	switch f.Message().FullName() {
	case "google.protobuf.StringValue", "google.protobuf.BytesValue", "google.protobuf.BoolValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
		"google.protobuf.Int32Value", "google.protobuf.Int64Value", "google.protobuf.UInt32Value", "google.protobuf.UInt64Value",
		"google.protobuf.Value", "google.protobuf.ListValue":
		return true
	}
	return false
}

// inPlace redacts a text by one of its length. A class says that all of it is secret.
func (p *pass) inPlace(text []byte, class string) {
	if len(text) == 0 {
		return
	}
	was := p.fixed
	p.fixed = true
	defer func() { p.fixed = was }()
	var out []byte
	if class != "" {
		out = p.field(text, class)
	} else {
		out, _ = p.document(text)
	}
	copy(text, out)
}

// noNumber writes the same number over any other that takes as many bytes, and tells whether it was another: no token fits into few bytes so
// that it can be told from a number.
func noNumber(encoded []byte) bool {
	was := bytes.Clone(encoded)
	const more = 0x80 // in each byte but the last of a number of variable length
	variable := encoded[len(encoded)-1] < more
	for _, b := range encoded[:len(encoded)-1] {
		variable = variable && b >= more
	}
	clear(encoded)
	if variable {
		for i := range encoded {
			encoded[i] = more
		}
		encoded[len(encoded)-1] = 1
	}
	return !bytes.Equal(encoded, was)
}
