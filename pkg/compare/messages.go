// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/hex"
	"encoding/json"
	"mime"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
)

// MostMessages is the most bytes that the messages of a call may have altogether once they are decompressed. Redaction looks at as many, so that
// no difference shows what it has not seen.
const MostMessages = 8 << 20

// call is the body of a gRPC call.
type call []any

// fields are those of a message of Protocol Buffers, by number.
type fields map[int32]fieldValue

// fieldValue has the first field of a number, and the value of all of them: a list where they are repeated.
type fieldValue struct {
	*protobuf.Field
	value any
}

// MarshalJSON names the fields as they are declared, else by their numbers.
func (f fields) MarshalJSON() ([]byte, error) {
	members := make(map[string]any, len(f))
	for _, field := range f {
		members[field.Name()] = field.value
	}
	return json.Marshal(members)
}

// messages reads both bodies as messages of Protocol Buffers, those of a call of the type; it is not ok when one is not.
func messages(of protoreflect.MessageDescriptor, recorded, replayed *http1.Message, a, b []byte) (x, y any, ok bool) {
	x, okX := readMessages(of, recorded, a)
	y, okY := readMessages(of, replayed, b)
	return x, y, okX && okY
}

func readMessages(of protoreflect.MessageDescriptor, m *http1.Message, body []byte) (any, bool) {
	if !grpc.Is(m) {
		kind, _, err := mime.ParseMediaType(m.Get("Content-Type"))
		if err != nil || !protobuf.IsType(kind) {
			return nil, false
		}
		parsed, ok := protobuf.Parse(body, nil)
		return object(parsed), ok
	}
	all, ok := grpc.All(body, m.Get("Grpc-Encoding"), MostMessages)
	if !ok {
		return nil, false
	}
	list := make(call, 0, len(all))
	for _, message := range all {
		parsed, ok := protobuf.Parse(message, of)
		if !ok {
			return nil, false
		}
		list = append(list, object(parsed))
	}
	return list, true
}

func object(parsed []protobuf.Field) fields {
	members := make(fields, len(parsed))
	for group, isList := range protobuf.Groups(parsed) {
		first := &group[0]
		if !isList {
			members[first.Number] = fieldValue{first, value(first)}
			continue
		}
		list := make([]any, len(group))
		for i := range group {
			list[i] = value(&group[i])
		}
		members[first.Number] = fieldValue{first, list}
	}
	return members
}

// value writes bytes that are no text as 0x and hexadecimal digits.
func value(f *protobuf.Field) any {
	if at, ok := f.Time(); ok {
		return json.Number(at)
	}
	switch f.Kind {
	case protobuf.Number:
		return f.Scalar()
	case protobuf.Text:
		return string(f.Bytes)
	case protobuf.Bytes:
		return "0x" + hex.EncodeToString(f.Bytes)
	default:
		return object(f.Fields)
	}
}
