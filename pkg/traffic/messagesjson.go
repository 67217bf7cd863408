// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Names make messages longer than they are. Those that become more than so many times as long as their body, and then some, are left out.
const (
	mostTimesBody = 4
	mostBeyond    = 512 // bytes
)

// namedMessages returns the messages in the body of a call with these headers, which are of a type, with the names of their fields; nil when the type
// is not known, or the body is not whole.
func namedMessages(of protoreflect.MessageDescriptor, m *trafficpb.Message, headers [][2]string) []json.RawMessage {
	if of == nil || m.GetBodyLength() != int64(len(m.GetBody())) {
		return nil
	}
	w := messageWriter{left: mostTimesBody*len(m.GetBody()) + mostBeyond}
	all, ok := grpc.All(m.GetBody(), messageEncoding(headers), w.left)
	if !ok {
		return nil
	}
	var list []json.RawMessage
	for _, message := range all {
		fields, ok := protobuf.Parse(message, of)
		if !ok {
			return nil
		}
		w.out = nil
		w.message(fields)
		if w.left < 0 {
			return nil
		}
		list = append(list, w.out)
	}
	return list
}

func messageEncoding(headers [][2]string) string {
	for _, header := range headers {
		if strings.EqualFold(header[0], "grpc-encoding") {
			return header[1]
		}
	}
	return ""
}

// messageWriter writes messages as JSON as long as there are bytes left.
type messageWriter struct {
	out  []byte
	left int
}

func (w *messageWriter) add(text string) {
	if w.left -= len(text); w.left >= 0 {
		w.out = append(w.out, text...)
	}
}

// message writes the fields by their names, else by their numbers, in the order of their numbers.
func (w *messageWriter) message(fields []protobuf.Field) {
	w.add("{")
	separator := ""
	for group, isList := range protobuf.Groups(fields) {
		if w.left < 0 {
			return
		}
		w.add(separator + `"` + group[0].Name() + `":`)
		separator = ","
		w.values(group, isList)
	}
	w.add("}")
}

// values writes the fields of one number.
func (w *messageWriter) values(fields []protobuf.Field, isList bool) {
	if isList {
		w.add("[")
	}
	for i := 0; i < len(fields) && w.left >= 0; i++ {
		if i > 0 {
			w.add(",")
		}
		w.value(&fields[i])
	}
	if isList {
		w.add("]")
	}
}

// value writes bytes in Base64, as JSON of Protocol Buffers does.
func (w *messageWriter) value(f *protobuf.Field) {
	var scalar any
	switch f.Kind {
	case protobuf.Nested:
		w.message(f.Fields)
		return
	case protobuf.Number:
		scalar = f.Scalar()
	case protobuf.Text:
		scalar = string(f.Bytes)
	default:
		scalar = base64.StdEncoding.EncodeToString(f.Bytes)
	}
	text, _ := MarshalJSON(scalar) // numbers and texts can always be written
	w.add(string(text))
}
