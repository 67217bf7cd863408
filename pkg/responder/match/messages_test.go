// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
)

const grpcType = "application/grpc"

// textField and numberField are fields of a message.
func textField(number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), text)
}

func numberField(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

// timeField is a google.protobuf.Timestamp.
func timeField(number protowire.Number, at time.Time) []byte {
	return textField(number, string(slices.Concat(numberField(1, uint64(at.Unix())), numberField(2, uint64(at.Nanosecond())))))
}

// grpcBody is the body of a call.
func grpcBody(messages ...[]byte) string {
	var body []byte
	for _, m := range messages {
		body = append(binary.BigEndian.AppendUint32(append(body, 0), uint32(len(m))), m...)
	}
	return string(body)
}

// reserve is a call whose message has a UUID, a time and random bytes beside what it asks for.
func reserve(at time.Time, what string, amount int) call {
	random := uuid.New()
	random[0], random[1] = 0xff, 0x07 // neither a text nor a message, as most random bytes
	return call{line: "POST /shop.Stock/Reserve", kind: grpcType, body: grpcBody(slices.Concat(
		textField(1, uuid.NewString()), timeField(2, at), textField(3, string(random[:])),
		textField(4, string(slices.Concat(textField(1, what), numberField(2, uint64(amount))))),
	))}
}

func TestVolatileFieldsOfMessages(t *testing.T) {
	x := build(t, 8, func(i int) call { return reserve(recordedAt.Add(time.Duration(i+1)*1234567891), "bolt", i) })
	now := recordedAt.Add(30*24*time.Hour + 77)
	if got := answer(t, x, reserve(now, "bolt", 5)); got != "~5" {
		t.Errorf("a call with another id, time and nonce got %q", got)
	}
	parsed := reserve(now, "bolt", 6)
	parsed.body = strings.Replace(parsed.body, "\xff\x07", "\x08\x07", 1) // then more of it may read as a message
	parsed.body = parsed.body[:len(parsed.body)-len(textField(4, "\x0a\x04bolt\x10\x06"))-14] + string(bytes.Repeat([]byte{8, 1}, 7)) +
		parsed.body[len(parsed.body)-len(textField(4, "\x0a\x04bolt\x10\x06")):]
	if got := answer(t, x, parsed); got != "~6" {
		t.Errorf("a call whose random bytes read as a message got %q", got)
	}
	missed := reserve(now, "nut", 5)
	if got := answer(t, x, missed); got != "" {
		t.Errorf("a call for something else got %q", got)
	}
	explained := NewExplainer(x).Explain(missed.request(t))
	if want := `$[*].4.1: "nut", recorded "bolt"`; !strings.Contains(explained, want) {
		t.Errorf("%s; want %s", explained, want)
	}
}

func TestMessagesMatchByFields(t *testing.T) {
	a, b, c := textField(1, "bolt"), numberField(2, 3), textField(2, "nut")
	recorded := call{line: "POST /shop.Stock/Reserve", kind: grpcType + "+proto", body: grpcBody(slices.Concat(a, b), c)}
	for name, ask := range map[string]struct {
		call
		want string
	}{
		"order of fields":   {call{kind: recorded.kind, body: grpcBody(slices.Concat(b, a), c)}, "0"},
		"order of messages": {call{kind: recorded.kind, body: grpcBody(c, slices.Concat(a, b))}, ""},
		"another value":     {call{kind: recorded.kind, body: grpcBody(slices.Concat(a, numberField(2, 4)), c)}, ""},
		"a field less":      {call{kind: recorded.kind, body: grpcBody(a, c)}, ""},
		"a message more":    {call{kind: recorded.kind, body: grpcBody(slices.Concat(a, b), c, nil)}, ""},
		"not whole":         {call{kind: recorded.kind, body: recorded.body[:len(recorded.body)-1]}, ""},
	} {
		ask.line = recorded.line
		x := build(t, 1, func(int) call { return recorded })
		if got := answer(t, x, ask.call); got != ask.want {
			t.Errorf("%s: %q, want %q", name, got, ask.want)
		}
	}
	plain := func(body []byte) call {
		return call{line: "POST /orders", kind: "application/x-protobuf", body: string(body)}
	}
	x := build(t, 1, func(int) call { return plain(slices.Concat(a, b)) })
	asked := plain(slices.Concat(b, a))
	if got := answer(t, x, asked); got != "0" {
		t.Errorf("a message outside of gRPC got %q", got)
	}
	asked.headers = "Content-Encoding: Identity\r\n"
	x = build(t, 1, func(int) call { return plain(slices.Concat(a, b)) })
	if got := answer(t, x, asked); got != "0" {
		t.Errorf("a message of which it is said that it has no coding got %q", got)
	}
}

// FuzzMessages wants a body of messages to have one key, and to be told from one that has a message more.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(grpcBody(textField(1, "bolt"), timeField(2, recordedAt))))
	f.Add([]byte(reserve(recordedAt, "bolt", 3).body))
	f.Fuzz(func(t *testing.T, body []byte) {
		key := func(body []byte) (Key, byte) {
			var c canonical
			c.read(&Request{Method: "POST", Path: "/a.B/C", ContentType: grpcType, Body: body, BodyLength: int64(len(body))})
			c.eachField(func(path []byte, _ byte, _ []byte) {
				if !strings.HasPrefix(string(path), "$[*].") {
					t.Fatalf("path %s", path)
				}
			})
			c.denoised(fieldSet{"$[*].1": {}})
			return c.exact(), c.body
		}
		one, kind := key(body)
		if again, _ := key(body); again != one {
			t.Fatal("two keys")
		}
		if kind != bodyMessages {
			return
		}
		if more, _ := key(append(slices.Clone(body), grpcBody(numberField(1, 1))...)); more == one {
			t.Fatalf("%x is the same with a message more", body)
		}
	})
}

// Explanations have the names of fields where the types of messages are known, and keep back what is named like a secret.
func TestExplanationsHaveNames(t *testing.T) {
	types, err := descriptor.Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	find := func(text string) call {
		return call{line: "POST " + descriptortest.Path, kind: grpcType, body: grpcBody(descriptortest.Message(t, "shop.Get", text))}
	}
	x := build(t, 1, func(int) call { return find(`{"user":{"fullName":"Ada","password":"hunter22"}}`) }).WithTypes(types)
	missed := find(`{"user":{"fullName":"Eve","password":"secret22"}}`)
	if got := answer(t, x, missed); got != "" {
		t.Errorf("another call got %q", got)
	}
	explained := NewExplainer(x).Explain(missed.request(t))
	if want := `different are $[*].user.full_name: "Eve", recorded "Ada", $[*].user.password`; !strings.HasSuffix(explained, want) {
		t.Errorf("%s; want %s", explained, want)
	}
	get := types.Request(descriptortest.Path)
	for path, want := range map[string]string{
		"$[*].2.1": "$[*].user.full_name", "$[*].2.9.1": "$[*].user.9.1", "$[*].1.1": "$[*].id.1", "$[*]": "$[*]", "query.1": "query.1", "query.a.1": "query.a.1",
	} {
		if got := withNames(path, get); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
