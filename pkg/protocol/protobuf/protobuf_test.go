// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package protobuf

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// show writes fields as 1:5 2:"text" 3:<0aff> 4:{...}.
func show(fields []Field) string {
	var words []string
	for _, f := range fields {
		var value string
		switch f.Kind {
		case Number:
			value = fmt.Sprint(f.Value)
		case Text:
			value = fmt.Sprintf("%q", f.Bytes)
		case Bytes:
			value = fmt.Sprintf("<%x>", f.Bytes)
		case Nested:
			value = "{" + show(f.Fields) + "}"
		}
		words = append(words, fmt.Sprintf("%d:%s", f.Number, value))
	}
	return strings.Join(words, " ")
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParse(t *testing.T) {
	group := protowire.AppendTag(nil, 7, protowire.StartGroupType)
	group = protowire.AppendVarint(protowire.AppendTag(group, 1, protowire.VarintType), 3)
	group = protowire.AppendTag(group, 7, protowire.EndGroupType)
	long := strings.Repeat("a", 32) // whose length is a blank
	for name, c := range map[string]struct {
		message []byte
		want    string
	}{
		"empty":             {nil, ""},
		"nested":            {encode(t, &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("seed")}, FillUsername: true}), `3:{2:"seed"} 4:1`},
		"bytes":             {encode(t, &pb.Payload{Body: []byte{0xff, 0, 1}}), `2:<ff0001>`},
		"number in field 1": {encode(t, &pb.BoolValue{Value: true}), `1:1`},
		"text in a first": {encode(t, &structpb.ListValue{Values: []*structpb.Value{structpb.NewListValue(&structpb.ListValue{
			Values: []*structpb.Value{structpb.NewStringValue(long)}})}}), `1:{6:{1:{3:"` + long + `"}}}`},
		"double":   {encode(t, structpb.NewNumberValue(1)), `2:4607182418800017408`},
		"repeated": {encode(t, &structpb.ListValue{Values: []*structpb.Value{structpb.NewBoolValue(true), structpb.NewBoolValue(false)}}), `1:{4:1} 1:{4:0}`},
		"group":    {group, `7:{1:3}`},
		"order":    {[]byte{0x10, 1, 0x08, 2, 0x10, 3}, `1:2 2:1 2:3`},
	} {
		fields, ok := Parse(c.message, nil)
		if got := show(fields); !ok || got != c.want {
			t.Errorf("%s: %s, %t; want %s", name, got, ok, c.want)
		}
	}
	for name, message := range map[string][]byte{
		"field 0": {0x00, 1}, "cut": {0x0a, 5, 'a'}, "end of a group": {0x0c}, "cut group": {0x3b, 0x08, 1}, "unknown type": {0x0e},
	} {
		if fields, ok := Parse(message, nil); ok {
			t.Errorf("%s: %s", name, show(fields))
		}
	}
}

func TestTime(t *testing.T) {
	at := timestamppb.New(time.Unix(1_790_000_000, 5))
	fields, ok := Parse(protowire.AppendBytes(protowire.AppendTag(nil, 9, protowire.BytesType), encode(t, at)), nil)
	if !ok {
		t.Fatal("no message")
	}
	if text, ok := fields[0].Time(); !ok || text != "1790000000.000000005" {
		t.Errorf("%q, %t", text, ok)
	}
	fields, _ = Parse(encode(t, &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("seed")}}), nil)
	if text, ok := fields[0].Time(); ok {
		t.Errorf("a payload is the time %s", text)
	}
}

// Messages that are nested too deeply are bytes.
func TestDepth(t *testing.T) {
	var message []byte
	for range deepest + 2 {
		message = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), append([]byte{0x10, 1}, message...))
	}
	fields, ok := Parse(message, nil)
	if got := show(fields); !ok || strings.Count(got, "{") != deepest || !strings.Contains(got, "<") {
		t.Errorf("%s, %t", got, ok)
	}
}

func TestMostFields(t *testing.T) {
	for fields, want := range map[int]bool{mostFields: true, mostFields + 1: false} {
		if _, ok := Parse(bytes.Repeat([]byte{0x08, 1}, fields), nil); ok != want {
			t.Errorf("%d fields: %t", fields, ok)
		}
	}
}

// FuzzParse wants what is a message to have all its bytes in its fields, in place.
func FuzzParse(f *testing.F) {
	f.Add([]byte{0x10, 1, 0x08, 2, 0x12, 2, 'h', 'i'})
	descriptor, err := proto.Marshal(protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(descriptor[:512])
	f.Fuzz(func(t *testing.T, message []byte) {
		before := bytes.Clone(message)
		fields, ok := Parse(message, nil)
		if !bytes.Equal(message, before) {
			t.Fatal("the message was changed")
		}
		if ok && weight(fields) > len(message) {
			t.Fatalf("%d bytes in the fields of a message of %d", weight(fields), len(message))
		}
		for i := 1; i < len(fields); i++ {
			if fields[i].Number < fields[i-1].Number {
				t.Fatal("not in order")
			}
		}
	})
}

func weight(fields []Field) int {
	n := 0
	for _, f := range fields {
		n += 1 + len(f.Bytes) + weight(f.Fields)
	}
	return n
}

// Bytes that begin like a message of many fields and are none take no fields from the others.
func TestFailedGuesses(t *testing.T) {
	like := append(bytes.Repeat([]byte{0x08, 0x01}, mostFields/3), 0xff)
	var message []byte
	for range 8 {
		message = protowire.AppendBytes(protowire.AppendTag(message, 1, protowire.BytesType), like)
	}
	message = protowire.AppendString(protowire.AppendTag(message, 2, protowire.BytesType), "text")
	fields, ok := Parse(message, nil)
	if !ok || len(fields) != 9 || fields[0].Kind != Bytes || fields[8].Kind != Text {
		t.Errorf("%d fields, %v", len(fields), ok)
	}
	var many []byte
	for range 8 {
		many = protowire.AppendBytes(protowire.AppendTag(many, 1, protowire.BytesType), bytes.Repeat([]byte{0x08, 0x01}, mostFields/3))
	}
	if _, ok := Parse(many, nil); ok {
		t.Error("the number of fields is not bounded")
	}
}
