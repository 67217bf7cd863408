// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

func textField(number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), text)
}

func numberField(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

func grpcBody(messages ...[]byte) []byte {
	var body []byte
	for _, m := range messages {
		body = append(binary.BigEndian.AppendUint32(append(body, 0), uint32(len(m))), m...)
	}
	return body
}

// redactGRPC returns the fields of the first message of a redacted body, and the body.
func redactGRPC(t *testing.T, settings wiring.RedactionSettings, matching bool, body []byte) ([]protobuf.Field, []byte) {
	t.Helper()
	redactor := New(key())
	if matching {
		redactor.Matching()
	}
	if _, err := redactor.With(settings); err != nil {
		t.Fatal(err)
	}
	r := record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", slices.Clone(body))
	redactor.Record(r)
	out := r.GetRequest().GetBody()
	for m := range grpc.Messages(out) {
		fields, ok := protobuf.Parse(m.Bytes, nil)
		if !ok {
			t.Fatalf("no message any more: %x", m.Bytes)
		}
		return fields, out
	}
	t.Fatal("no message")
	return nil, nil
}

// The length before a value is no part of it, even where it is a letter or a digit as well.
func TestLengthsAreNoText(t *testing.T) {
	for n := len("a@b.io"); n < 128; n++ {
		address := strings.Repeat("a", n-len("@b.io")) + "@b.io"
		body := grpcBody(slices.Concat(textField(1, address), textField(2, "stays")))
		fields, out := redactGRPC(t, wiring.RedactionSettings{}, false, body)
		if len(out) != len(body) || len(fields) != 2 || len(fields[0].Bytes) != n || bytes.Contains(out, []byte("@b.io")) || string(fields[1].Bytes) != "stays" {
			t.Errorf("an address of %d bytes: %q", n, out)
		}
	}
}

func TestRulesForMessages(t *testing.T) {
	settings := wiring.RedactionSettings{Rules: []wiring.RedactionRule{
		{Name: "name", JSONPath: "$[*].1.2"}, {Name: "number", JSONPath: "$[0].3"}, {Name: "second", JSONPath: "$[*].4[1]"},
	}}
	message := slices.Concat(
		textField(1, string(slices.Concat(textField(2, "Ada Lovelace"), textField(3, "London")))), numberField(3, 4711), numberField(3, 300),
		textField(4, "first"), textField(4, "0815"), numberField(5, 4711),
	)
	body := grpcBody(message)
	fields, out := redactGRPC(t, settings, false, body)
	if len(out) != len(body) {
		t.Fatalf("%d bytes of %d", len(out), len(body))
	}
	name, city := string(fields[0].Fields[0].Bytes), string(fields[0].Fields[1].Bytes)
	if name == "Ada Lovelace" || len(name) != len("Ada Lovelace") || city != "London" {
		t.Errorf("name %s, city %s", name, city)
	}
	var numbers []uint64
	for _, f := range fields {
		if f.Kind == protobuf.Number {
			numbers = append(numbers, f.Value)
		}
	}
	if diff := cmp.Diff([]uint64{128, 128, 4711}, numbers); diff != "" {
		t.Errorf("numbers: %s", diff)
	}
	if first, second := string(fields[3].Bytes), string(fields[4].Bytes); first != "first" || second == "0815" || len(second) != 4 {
		t.Errorf("the list is %s, %s", first, second)
	}
	// What was redacted is found by who has the value itself, and by who has the token.
	_, fromValue := redactGRPC(t, settings, true, body)
	_, fromToken := redactGRPC(t, settings, true, out)
	if !bytes.Equal(fromValue, out) || !bytes.Equal(fromToken, out) {
		t.Errorf("recorded %x, the value gives %x, the token %x", out, fromValue, fromToken)
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	// A body that was cut within a message, and one of another codec.
	cut := grpcBody(textField(1, "bob@example.com"), textField(1, "eve@example.com and more"))
	for _, body := range [][]byte{cut[:len(cut)-5], grpcBody([]byte(`{"mail":"bob@example.com","token":"eve@example.com"}`))} {
		r := record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", slices.Clone(body))
		New(key()).Record(r)
		if out := r.GetRequest().GetBody(); len(out) != len(body) || bytes.Contains(out, []byte("@example.com")) {
			t.Errorf("%q became %q", body, out)
		}
	}
}

// Texts in messages that begin like JSON and are none.
func TestTextsOfMessages(t *testing.T) {
	for _, text := range []string{
		"[warn] login of bob@example.com", `"x" said bob@example.com`, `{user bob@example.com}`, `{"user":"a"} of bob@example.com`,
		`{"password":"bob@example.com"}`, `{"password":"bob@example.com"} {"n":1}`, `["bob@example.com"`,
	} {
		fields, _ := redactGRPC(t, wiring.RedactionSettings{}, false, grpcBody(slices.Concat(textField(1, text), numberField(2, 1))))
		if out := string(fields[0].Bytes); len(out) != len(text) || strings.Contains(out, "bob@") {
			t.Errorf("%q became %q", text, out)
		}
	}
	for _, text := range []string{`{"password":"hunter2"}`, `{"n":1}{"password":"hunter2"}`} {
		fields, _ := redactGRPC(t, wiring.RedactionSettings{}, false, grpcBody(textField(1, text)))
		if out := string(fields[0].Bytes); strings.Contains(out, "hunter2") {
			t.Errorf("%q became %q", text, out)
		}
	}
}

// gRPC-Web sends the trailers as the last message, with a flag of its own.
func TestTrailersInBodies(t *testing.T) {
	trailers := "grpc-status: 3\r\ngrpc-message: no account of bob@example.com\r\n"
	message := grpcBody(textField(1, "eve@example.com"))
	last := grpcBody([]byte(trailers))
	last[0] = 0x80
	r := record("POST /a.B/C HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n\r\n", slices.Concat(message, last))
	New(key()).Record(r)
	out := r.GetRequest().GetBody()
	if bytes.Contains(out, []byte("@example.com")) || len(out) != len(message)+len(last) || !bytes.Contains(out, []byte("\r\ngrpc-message: no account of ")) {
		t.Errorf("%q", out)
	}
	if diff := cmp.Diff([]string{"request.body"}, r.GetRedacted()); diff != "" {
		t.Error(diff)
	}
}

func TestBodiesOfCallsThatCannotBeSearched(t *testing.T) {
	compressed := grpcBody([]byte("bob@example.com"))
	compressed[0] = 1
	for name, r := range map[string]*trafficpb.Record{
		"unknown encoding":   record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\ngrpc-encoding: snappy\r\n\r\n", slices.Clone(compressed)),
		"compressed and cut": record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", compressed[:len(compressed)-1]),
		"as text":            record("POST /a.B/C HTTP/1.1\r\ncontent-type: application/grpc-web-text\r\n\r\n", []byte("AAAAAAxib2JAZXhhbXBsZQ==")),
	} {
		before := bytes.Clone(r.GetRequest().GetBody())
		New(key()).Record(r)
		if diff := cmp.Diff([]string{"request.body.unsearched"}, r.GetRedacted()); diff != "" || !bytes.Equal(before, r.GetRequest().GetBody()) {
			t.Errorf("%s: %s, %q", name, diff, r.GetRequest().GetBody())
		}
	}
}

// Of what is uploaded a secret is not taken for a token because it has the same digits.
func TestSecretsThatLookLikeTokens(t *testing.T) {
	settings := wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "key", JSONPath: "$[*].1"}}}
	uploaded, err := New(key()).With(settings)
	if err != nil {
		t.Fatal(err)
	}
	uploaded.KeepingTokens()
	other := New([]byte(strings.Repeat("other", 8)))
	for n := 1; n < 200; n++ {
		secret := strings.Repeat("deadbeef0", n)[:n]
		r := record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", grpcBody(textField(1, secret)))
		want := r.GetRequest().GetBodyLength()
		uploaded.Record(r)
		out := r.GetRequest().GetBody()
		if int64(len(out)) != want || n > 2 && bytes.HasSuffix(out, []byte(secret)) { // what is that short may be its own token
			t.Errorf("%d bytes: %q", n, out)
		}
		if n < leastChecked {
			continue
		}
		token := other.sameLength(nil, []byte(secret))
		r = record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", grpcBody(textField(1, string(token))))
		if uploaded.Record(r); !bytes.HasSuffix(r.GetRequest().GetBody(), token) || len(token) != n {
			t.Errorf("the token %s of another key became %q", token, r.GetRequest().GetBody())
		}
	}
}

// Where a rule cannot be followed the body says so, and detectors look at it all the same.
func TestRulesThatCannotBeFollowed(t *testing.T) {
	rules := wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "name", JSONPath: "$..1"}}}
	message := slices.Concat(textField(2, "bob@example.com"), textField(1, "Ada Lovelace"))
	many := append(bytes.Repeat(numberField(3, 1), 1<<17), message...)
	const call, plain = "content-type: application/grpc\r\n", "content-type: application/x-protobuf\r\n"
	for name, test := range map[string]struct {
		head string
		body []byte
	}{
		"cut": {call, grpcBody(message, message)[:60]}, "other codec": {call, grpcBody([]byte(`{"1":"Ada","2":"bob@example.com"}`))}, "too many fields": {call, grpcBody(many)},
		"protobuf, cut": {plain, message[:len(message)-1]}, "compressed": {plain + "content-encoding: gzip\r\n", message[:len(message)-1]},
	} {
		for _, settings := range []wiring.RedactionSettings{rules, {}} {
			body := test.body
			encoding := ""
			if strings.Contains(test.head, "gzip") {
				encoding = "gzip"
			}
			body, err := coding.Encode(encoding, body)
			if err != nil {
				t.Fatal(err)
			}
			redactor, err := New(key()).With(settings)
			if err != nil {
				t.Fatal(err)
			}
			r := record("POST /a.B/C HTTP/2\r\n"+test.head+"\r\n", slices.Clone(body))
			redactor.Record(r)
			out, err := coding.Decode(encoding, r.GetRequest().GetBody(), 1<<20)
			if err != nil || len(out) != len(test.body) || bytes.Contains(out, []byte("bob@")) {
				t.Errorf("%s: %d bytes, error %v", name, len(out), err)
			}
			want := []string{"request.body"}
			if len(settings.Rules) > 0 {
				want = []string{"request.body.unsearched", "request.body"}
			}
			if diff := cmp.Diff(want, r.GetRedacted()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

// Messages that are compressed are looked through, and stay compressed.
func TestCompressedMessages(t *testing.T) {
	const head = "POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\ngrpc-encoding: %s\r\n\r\n"
	for _, encoding := range []string{"gzip", "deflate", "identity"} {
		body := grpcBody(textField(1, "eve@example.com"))
		ends := []int64{int64(len(body))}
		for _, text := range []string{strings.Repeat("a", 100), "bob@example.com" + strings.Repeat(" ", 100)} {
			packed, err := coding.Encode(encoding, textField(1, text))
			if err != nil {
				t.Fatal(err)
			}
			body = append(binary.BigEndian.AppendUint32(append(body, 1), uint32(len(packed))), packed...)
			ends = append(ends, int64(len(body)))
		}
		body = append(body, grpcBody(textField(1, "last"))...)
		r := record(fmt.Sprintf(head, encoding), slices.Clone(body))
		for i, end := range append(ends, int64(len(body))) {
			r.Request.Pieces = append(r.Request.Pieces, &trafficpb.Piece{End: end, At: int64(i)})
		}
		New(key()).Record(r)
		out := r.GetRequest().GetBody()
		messages, ok := grpc.All(out, encoding, 1<<20)
		if !ok || len(messages) != 4 {
			t.Fatalf("%s: %d messages of %q", encoding, len(messages), out)
		}
		for i, m := range messages {
			fields, ok := protobuf.Parse(m, nil)
			if !ok || len(fields) != 1 || bytes.Contains(m, []byte("@example.com")) {
				t.Errorf("%s: message %d is %q", encoding, i, m)
			}
		}
		if !bytes.Equal(messages[1], textField(1, strings.Repeat("a", 100))) || !bytes.HasSuffix(messages[2], bytes.Repeat([]byte(" "), 100)) {
			t.Errorf("%s: %q", encoding, messages)
		}
		var flags []byte
		end := int64(0)
		for i, p := range r.GetRequest().GetPieces() {
			flags = append(flags, out[end])
			end += grpc.PrefixLength + int64(binary.BigEndian.Uint32(out[end+1:]))
			if p.GetEnd() != end || p.GetAt() != int64(i) {
				t.Errorf("%s: piece %d ends at %d, want %d", encoding, i, p.GetEnd(), end)
			}
		}
		if !bytes.Equal(flags, []byte{0, 1, 1, 0}) || r.GetRequest().GetBodyLength() != int64(len(out)) {
			t.Errorf("%s: flags %v, length %d of %d", encoding, flags, r.GetRequest().GetBodyLength(), len(out))
		}
		if diff := cmp.Diff([]string{"request.body"}, r.GetRedacted()); diff != "" {
			t.Error(diff)
		}
		live := Request{ContentType: "application/grpc", MessageEncoding: encoding, Body: slices.Clone(body)}
		New(key()).Matching().Request(&live)
		if !bytes.Equal(live.Body, out) {
			t.Errorf("%s: the call is %q, recorded %q", encoding, live.Body, out)
		}
	}
}

// Where messages end is moved also when they are as long as they were altogether.
func TestPiecesOfCompressedMessages(t *testing.T) {
	const head = "POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\ngrpc-encoding: gzip\r\n\r\n"
	random := rand.New(rand.NewPCG(1, 2))
	byChange := map[int][]byte{} // messages by how much longer they become
	for i := range 1000 {
		user := strings.Repeat("a", 1+i/2)
		if i%2 == 1 {
			user = strconv.FormatUint(random.Uint64(), 36) + strconv.FormatUint(random.Uint64(), 36) + strconv.FormatUint(random.Uint64(), 36)
		}
		packed, err := coding.Encode("gzip", textField(1, user+"@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		one := append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed))), packed...)
		r := record(head, slices.Clone(one))
		New(key()).Record(r)
		change := len(r.GetRequest().GetBody()) - len(one)
		byChange[change] = one
		if other := byChange[-change]; change != 0 && other != nil {
			body := slices.Concat(one, other)
			r = record(head, slices.Clone(body))
			r.Request.Pieces = []*trafficpb.Piece{{End: int64(len(one))}, {End: int64(len(body))}}
			New(key()).Record(r)
			out := r.GetRequest()
			if len(out.GetBody()) != len(body) || out.GetPieces()[0].GetEnd() != int64(len(one)+change) || out.GetPieces()[1].GetEnd() != int64(len(body)) {
				t.Errorf("%d bytes of %d, the first %d of %d: %v", len(out.GetBody()), len(body), len(one)+change, len(one), out.GetPieces())
			}
			return
		}
	}
	t.Fatalf("no two messages that are as long altogether: %d", len(byChange))
}

// No more of a call is decoded than is compared.
func TestCompressedMessagesThatAreLong(t *testing.T) {
	packed, err := coding.Encode("gzip", textField(1, "bob@example.com"+strings.Repeat(" ", compare.MostMessages/2)))
	if err != nil {
		t.Fatal(err)
	}
	one := append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed))), packed...)
	r := record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc\r\ngrpc-encoding: gzip\r\n\r\n", slices.Concat(one, one))
	New(key()).Record(r)
	if diff := cmp.Diff([]string{"request.body.unsearched", "request.body"}, r.GetRedacted()); diff != "" {
		t.Error(diff)
	}
	if _, ok := grpc.All(r.GetRequest().GetBody(), "gzip", compare.MostMessages); ok {
		t.Error("what was not searched would be compared")
	}
}
