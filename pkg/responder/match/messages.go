// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
)

// readMessages takes a body of Protocol Buffers apart, and says whether it is one. A message is an object whose members are named by the
// numbers of its fields; a gRPC call is a list of messages.
func (d *document) readMessages(q *Request) bool {
	if !grpc.IsType(q.ContentType) {
		if !protobuf.IsType(mediaType(q.ContentType)) || len(coding.List(q.ContentEncoding)) > 0 {
			return false
		}
		fields, ok := protobuf.Parse(q.Body, nil)
		if ok {
			d.empty()
			d.root = d.addMessage(nil, fields)
		}
		return ok
	}
	messages, ok := grpc.All(q.Body, q.MessageEncoding, WholeBody)
	if !ok {
		return false
	}
	d.empty()
	for _, m := range messages {
		fields, ok := protobuf.Parse(m, nil)
		if !ok {
			return false
		}
		d.open = append(d.open, d.addMessage(nil, fields))
	}
	d.root = d.close(jsonArray, nil, 0)
	return true
}

func (d *document) addMessage(name []byte, fields []protobuf.Field) int32 {
	base := len(d.open)
	for i := range fields {
		d.open = append(d.open, d.addField(&fields[i]))
	}
	return d.close(jsonObject, name, base)
}

func (d *document) addField(f *protobuf.Field) int32 {
	name := strconv.AppendInt(nil, int64(f.Number), 10)
	if at, ok := f.Time(); ok {
		return d.add(jsonNode{kind: jsonNumber, name: name, value: []byte(at)})
	}
	switch f.Kind {
	case protobuf.Number:
		return d.add(jsonNode{kind: jsonNumber, name: name, value: strconv.AppendUint(nil, f.Value, 10)})
	case protobuf.Text:
		return d.add(jsonNode{kind: jsonString, name: name, value: f.Bytes})
	case protobuf.Bytes:
		return d.add(jsonNode{kind: rawBytes, name: name, value: f.Bytes})
	default:
		return d.addMessage(name, f.Fields)
	}
}
