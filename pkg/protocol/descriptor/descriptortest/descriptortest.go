// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package descriptortest has a descriptor set, and messages of its types, for tests.
package descriptortest

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Path of the method of the set, whose requests are of type Get and whose responses are of type Order.
const Path = "/shop.Orders/Find"

// orders is shop.proto as protoc writes it.
const orders = `
name: "shop.proto" package: "shop" syntax: "proto3" dependency: "google/protobuf/timestamp.proto"
dependency: "google/protobuf/wrappers.proto" dependency: "google/protobuf/struct.proto"
service { name: "Orders" method { name: "Find" input_type: ".shop.Get" output_type: ".shop.Order" } }
enum_type { name: "State" value { name: "OPEN" number: 0 } value { name: "PAID" number: 1 } }
message_type { name: "Get"
  field { name: "id" json_name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "user" json_name: "user" number: 2 type: TYPE_MESSAGE type_name: ".shop.User" label: LABEL_OPTIONAL } }
message_type { name: "User"
  field { name: "full_name" json_name: "fullName" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "password" json_name: "password" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "session_token" json_name: "sessionToken" number: 3 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "passphrase" json_name: "passphrase" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.StringValue" label: LABEL_OPTIONAL }
  field { name: "pin" json_name: "pin" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value" label: LABEL_OPTIONAL }
  field { name: "settings" json_name: "settings" number: 6 type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" label: LABEL_OPTIONAL }
  field { name: "credentials" json_name: "credentials" number: 7 type: TYPE_MESSAGE type_name: ".shop.User" label: LABEL_OPTIONAL } }
message_type { name: "Order"
  field { name: "id" json_name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "users" json_name: "users" number: 2 type: TYPE_MESSAGE type_name: ".shop.User" label: LABEL_REPEATED }
  field { name: "deltas" json_name: "deltas" number: 3 type: TYPE_SINT64 label: LABEL_REPEATED }
  field { name: "state" json_name: "state" number: 4 type: TYPE_ENUM type_name: ".shop.State" label: LABEL_OPTIONAL }
  field { name: "price" json_name: "price" number: 5 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "express" json_name: "express" number: 6 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "weight" json_name: "weight" number: 7 type: TYPE_FLOAT label: LABEL_OPTIONAL }
  field { name: "rank" json_name: "rank" number: 8 type: TYPE_INT32 label: LABEL_OPTIONAL }
  field { name: "depth" json_name: "depth" number: 9 type: TYPE_SFIXED32 label: LABEL_OPTIONAL }
  field { name: "blob" json_name: "blob" number: 10 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "at" json_name: "at" number: 11 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
  field { name: "labels" json_name: "labels" number: 12 type: TYPE_MESSAGE type_name: ".shop.Order.LabelsEntry" label: LABEL_REPEATED }
  nested_type { name: "LabelsEntry" options { map_entry: true }
    field { name: "key" json_name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" json_name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } } }
`

// Set is a serialized FileDescriptorSet with the files that it imports, but for those that are left out.
func Set(t testing.TB, leftOut ...string) []byte {
	t.Helper()
	all := files(t)
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range all.GetFile() {
		kept := true
		for _, name := range leftOut {
			kept = kept && file.GetName() != name
		}
		if kept {
			set.File = append(set.File, file)
		}
	}
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Message is one of a type of the set, "shop.Order", as it is on the wire, given as JSON.
func Message(t testing.TB, name protoreflect.FullName, text string) []byte {
	t.Helper()
	registry, err := protodesc.NewFiles(files(t))
	if err != nil {
		t.Fatal(err)
	}
	of, err := registry.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(of.(protoreflect.MessageDescriptor))
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func files(t testing.TB) *descriptorpb.FileDescriptorSet {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(orders), file); err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, imported := range []protoreflect.FileDescriptor{
		timestamppb.File_google_protobuf_timestamp_proto, wrapperspb.File_google_protobuf_wrappers_proto, structpb.File_google_protobuf_struct_proto,
	} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(imported))
	}
	set.File = append(set.File, file)
	return set
}
