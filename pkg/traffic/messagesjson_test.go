// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func shopTypes(t testing.TB) *descriptor.Set {
	t.Helper()
	types, err := descriptor.Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func frames(flag byte, messages ...[]byte) []byte {
	var body []byte
	for _, m := range messages {
		body = append(binary.BigEndian.AppendUint32(append(body, flag), uint32(len(m))), m...)
	}
	return body
}

// Records show the messages of calls whose types are known, beside the bodies, and are read without them.
func TestRecordsShowMessages(t *testing.T) {
	get := descriptortest.Message(t, "shop.Get", `{"id":"17 \"x\"","user":{"fullName":"Ada"}}`)
	order := descriptortest.Message(t, "shop.Order", `{"id":"17","users":[{"fullName":"Ada"}],"deltas":[-1,2],"state":"PAID","price":0.5,"express":true,"blob":"/wA="}`)
	packed, err := coding.Encode("gzip", get)
	if err != nil {
		t.Fatal(err)
	}
	html := descriptortest.Message(t, "shop.Get", `{"id":"<a href=\"/?a&b\">"}`)
	many := bytes.Repeat([]byte{0x12, 2, 0x0a, 0}, 1<<13) // users without a name
	const shownGet = `{"id":"17 \"x\"","user":{"full_name":"Ada"}}`
	const shownOrder = `{"id":"17","users":[{"full_name":"Ada"}],"deltas":[-1,2],"state":"PAID","price":0.5,"express":true,"blob":"/wA="}`
	for name, c := range map[string]struct {
		path              string
		request, response []byte
		requests, answers string // "" when none are shown
	}{
		"unary":           {descriptortest.Path, frames(0, get), frames(0, order), "[" + shownGet + "]", "[" + shownOrder + "]"},
		"stream":          {descriptortest.Path, frames(0, get, nil), frames(0, order), "[" + shownGet + ",{}]", "[" + shownOrder + "]"},
		"compressed":      {descriptortest.Path, frames(1, packed), nil, "[" + shownGet + "]", ""},
		"HTML":            {descriptortest.Path, frames(0, html), nil, `[{"id":"<a href=\"/?a&b\">"}]`, ""},
		"unknown method":  {"/shop.Orders/Lose", frames(0, get), frames(0, order), "", ""},
		"cut":             {descriptortest.Path, frames(0, get)[:9], frames(0, order), "", "[" + shownOrder + "]"},
		"no message":      {descriptortest.Path, frames(0, []byte{0xff}), frames(0, order), "", "[" + shownOrder + "]"},
		"much longer":     {descriptortest.Path, frames(0, get), frames(0, many), "[" + shownGet + "]", ""},
		"unknown numbers": {descriptortest.Path, frames(0, protowire.AppendVarint(protowire.AppendTag(nil, 77, protowire.VarintType), 5)), nil, `[{"77":5}]`, ""},
	} {
		r := &trafficpb.Record{
			Id: "r", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "grpc", Operation: "POST " + c.path,
			Request:  &trafficpb.Message{Head: []byte("POST " + c.path + " HTTP/2\r\ngrpc-encoding: gzip\r\n\r\n"), Body: c.request, BodyLength: int64(len(c.request))},
			Response: &trafficpb.Message{Head: []byte("HTTP/2 200\r\n\r\n"), Body: c.response, BodyLength: int64(len(c.response))},
		}
		line, err := MarshalRecordJSON(r, shopTypes(t))
		if err != nil {
			t.Fatal(err)
		}
		var shown struct {
			Request, Response struct{ Messages json.RawMessage }
		}
		if err := json.Unmarshal(line, &shown); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{c.requests, c.answers}, []string{string(shown.Request.Messages), string(shown.Response.Messages)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.Contains(string(line), "\n") {
			t.Errorf("%s: more than a line", name)
		}
		again, err := UnmarshalRecordJSON(line)
		if err != nil || !proto.Equal(r, again) {
			t.Errorf("%s: read again: %v, error %v", name, again, err)
		}
		plain, err := MarshalRecordJSON(r, nil)
		if err != nil || strings.Contains(string(plain), `"messages"`) {
			t.Errorf("%s: without types: %s, error %v", name, plain, err)
		}
	}
}

// FuzzMessagesInRecords wants whatever is shown to be JSON of a bounded length.
func FuzzMessagesInRecords(f *testing.F) {
	f.Add(frames(0, descriptortest.Message(f, "shop.Order", `{"id":"17","users":[{"fullName":"Ada"}],"deltas":[-1,2],"price":"NaN","labels":{"a":"b"}}`)))
	of := shopTypes(f).Response(descriptortest.Path)
	f.Fuzz(func(t *testing.T, body []byte) {
		all := namedMessages(of, &trafficpb.Message{Body: body, BodyLength: int64(len(body))}, nil)
		length := 0
		for _, message := range all {
			length += len(message)
			if !json.Valid(message) {
				t.Fatalf("no JSON: %s", message)
			}
		}
		if length > mostTimesBody*len(body)+mostBeyond {
			t.Fatalf("%d bytes of a body of %d", length, len(body))
		}
	})
}
