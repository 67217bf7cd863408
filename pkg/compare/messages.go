// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/hex"
	"encoding/json"
	"mime"
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
)

// MostMessages is the most bytes that the messages of a call may have altogether once they are decompressed. Redaction looks at as many, so that
// no difference shows what it has not seen.
const MostMessages = 8 << 20

// messages reads both bodies as messages of Protocol Buffers; it is not ok when one is not. A message is an object whose members are
// named by the numbers of its fields, lists where they are repeated; the body of a gRPC call is a list of messages.
func messages(recorded, replayed *http1.Message, a, b []byte) (x, y any, ok bool) {
	x, okX := readMessages(recorded, a)
	y, okY := readMessages(replayed, b)
	return x, y, okX && okY
}

func readMessages(m *http1.Message, body []byte) (any, bool) {
	if !grpc.Is(m) {
		kind, _, err := mime.ParseMediaType(m.Get("Content-Type"))
		if err != nil || !protobuf.IsType(kind) {
			return nil, false
		}
		fields, ok := protobuf.Parse(body)
		return object(fields), ok
	}
	all, ok := grpc.All(body, m.Get("Grpc-Encoding"), MostMessages)
	if !ok {
		return nil, false
	}
	list := make([]any, 0, len(all))
	for _, message := range all {
		fields, ok := protobuf.Parse(message)
		if !ok {
			return nil, false
		}
		list = append(list, object(fields))
	}
	return list, true
}

func object(fields []protobuf.Field) map[string]any {
	members := make(map[string]any, len(fields))
	for len(fields) > 0 {
		number, n := fields[0].Number, 1
		for n < len(fields) && fields[n].Number == number {
			n++
		}
		name := strconv.Itoa(int(number))
		if n == 1 {
			members[name] = value(&fields[0])
		} else {
			list := make([]any, n)
			for i := range list {
				list[i] = value(&fields[i])
			}
			members[name] = list
		}
		fields = fields[n:]
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
		return json.Number(strconv.FormatUint(f.Value, 10))
	case protobuf.Text:
		return string(f.Bytes)
	case protobuf.Bytes:
		return "0x" + hex.EncodeToString(f.Bytes)
	default:
		return object(f.Fields)
	}
}
