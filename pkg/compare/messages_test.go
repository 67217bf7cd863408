// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
)

// grpcBody is the body of a call with the messages.
func grpcBody(t *testing.T, compress bool, messages ...proto.Message) string {
	t.Helper()
	var body []byte
	for _, m := range messages {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		flag := byte(0)
		if compress {
			if data, err = coding.Encode("gzip", data); err != nil {
				t.Fatal(err)
			}
			flag = 1
		}
		body = append(binary.BigEndian.AppendUint32(append(body, flag), uint32(len(data))), data...)
	}
	return string(body)
}

// frame is the body of a call with one message.
func frame(message []byte) string {
	return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...))
}

func TestCompareMessages(t *testing.T) {
	const kind = "Content-Type: application/grpc"
	say := func(user string, sizes ...int32) proto.Message {
		return &pb.SimpleResponse{Payload: &pb.Payload{Body: []byte{0xff, byte(len(sizes))}}, Username: user}
	}
	at := func(nanos int64) proto.Message { return timestamppb.New(time.Unix(1_790_000_000, nanos)) }
	inner := func(nanos int64) proto.Message { // which has a time
		data, err := proto.Marshal(at(nanos))
		if err != nil {
			t.Fatal(err)
		}
		return &pb.SimpleResponse{Payload: &pb.Payload{Body: data}}
	}
	for name, c := range map[string]struct {
		recorded, replayed string
		ignore             string
		want               []Difference
	}{
		"changed": {grpcBody(t, false, say("ann"), say("bob")), grpcBody(t, false, say("ann"), say("eve")), "", []Difference{
			{"$[1].2", KindBody, `"bob"`, `"eve"`}}},
		"ignored":        {grpcBody(t, false, say("ann")), grpcBody(t, false, say("eve")), "$[*].2", nil},
		"missing":        {grpcBody(t, false, say("ann")), grpcBody(t, false, say("")), "", []Difference{{"$[0].2", KindMissing, `"ann"`, ""}}},
		"a message less": {grpcBody(t, false, say(""), at(0)), grpcBody(t, false, say("")), "", []Difference{{"$[1]", KindMissing, `{"1":1790000000}`, ""}}},
		"bytes": {grpcBody(t, false, say("", 1)), grpcBody(t, false, say("", 1, 2)), "", []Difference{
			{"$[0].1.2", KindBody, `"0xff01"`, `"0xff02"`}}},
		"time":       {grpcBody(t, false, inner(5)), grpcBody(t, false, inner(6)), "", []Difference{{"$[0].1.2", KindBody, "1790000000.000000005", "1790000000.000000006"}}},
		"compressed": {grpcBody(t, true, say("ann")), grpcBody(t, false, say("ann")), "", nil},
	} {
		comparer := &Comparer{}
		if c.ignore != "" {
			path, err := ParsePath(c.ignore)
			if err != nil {
				t.Fatal(err)
			}
			comparer.Ignore = []Path{path}
		}
		got := comparer.Compare("POST /a.B/C", nil, response(t, 200, c.recorded, kind, "Grpc-Status: 0", "Grpc-Encoding: gzip"),
			response(t, 200, c.replayed, kind, "Grpc-Status: 0"), Identity{})
		if diff := cmp.Diff(c.want, got.Differences); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What differs among recorded answers to one request is learned within messages, too.
func TestNoiseInMessages(t *testing.T) {
	const kind = "Content-Type: application/grpc"
	answer := func(user string, body byte) string {
		return grpcBody(t, false, &pb.SimpleResponse{Payload: &pb.Payload{Body: []byte{body}}, Username: user})
	}
	noise := &Noise{}
	noise.Learn("op", nil, nil, response(t, 200, answer("request 17", 'a'), kind), response(t, 200, answer("request 18", 'a'), kind), Identity{})
	comparer := &Comparer{Noise: noise}
	if got := comparer.Compare("op", nil, response(t, 200, answer("request 17", 'a'), kind), response(t, 200, answer("request 99", 'a'), kind), Identity{}); len(got.Differences) > 0 {
		t.Errorf("differences %+v", got.Differences)
	}
	got := comparer.Compare("op", nil, response(t, 200, answer("request 17", 'a'), kind), response(t, 200, answer("request 99", 'b'), kind), Identity{})
	if diff := cmp.Diff([]Difference{{"$[0].1.2", KindBody, `"a"`, `"b"`}}, got.Differences); diff != "" {
		t.Error(diff)
	}
}

// Where the type of messages is known their fields have names, in rules and in differences, and rules by numbers go on.
func TestCompareNamedFields(t *testing.T) {
	types, err := descriptor.Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	order := func(text string) string { return frame(descriptortest.Message(t, "shop.Order", text)) }
	recorded := order(`{"id":"a","users":[{"fullName":"Ann"}],"deltas":[1],"state":"OPEN","express":true}`)
	changed := order(`{"id":"a","users":[{"fullName":"Eve"},{"fullName":"Bob"}],"deltas":[-2],"state":"PAID","express":true}`)
	named := func(field string) []Difference {
		all := []Difference{
			{"$[0].users[0].full_name", KindBody, `"Ann"`, `"Eve"`}, {"$[0].users[1]", KindExtra, "", `{"full_name":"Bob"}`},
			{"$[0].deltas[0]", KindBody, "1", "-2"}, {"$[0].state", KindExtra, "", `"PAID"`},
		}
		return slices.DeleteFunc(all, func(d Difference) bool { return field != "" && strings.HasPrefix(d.Field, field) })
	}
	for ignore, want := range map[string][]Difference{
		"":                     named(""),
		"$.users":              named("$[0].users"),
		"$[*].users":           named("$[0].users"),
		"$[0].2":               named("$[0].users"),
		"$.2":                  named("$[0].users"),
		"$.users[0].full_name": named("$[0].users[0].full_name"),
		"$.users[*].fullName":  named("$[0].users[0].full_name"),
		"$..full_name":         named("$[0].users[0].full_name"),
		"$.state":              named("$[0].state"),
		"$[*].full_name":       named(""),
		"$.*.full_name":        named(""),
		"$[1].users":           named(""),
	} {
		comparer := &Comparer{}
		if ignore != "" {
			path, err := ParsePath(ignore)
			if err != nil {
				t.Fatal(err)
			}
			comparer.Ignore = []Path{path}
		}
		const kind = "Content-Type: application/grpc"
		got := comparer.Compare("POST "+descriptortest.Path, types.Response(descriptortest.Path), response(t, 200, recorded, kind), response(t, 200, changed, kind), Identity{})
		if diff := cmp.Diff(want, got.Differences); diff != "" {
			t.Errorf("without %s: %s", ignore, diff)
		}
	}
}
