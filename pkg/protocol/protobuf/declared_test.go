// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package protobuf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
)

func types(t testing.TB) *descriptor.Set {
	t.Helper()
	set, err := descriptor.Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// named writes fields by their names: a=5, b="text", c={...}.
func named(fields []Field) string {
	var words []string
	for _, f := range fields {
		name := fmt.Sprint(f.Number)
		if f.Declared != nil {
			name = string(f.Declared.Name())
		}
		var value string
		switch f.Kind {
		case Number:
			value = fmt.Sprint(f.Scalar())
		case Nested:
			value = "{" + named(f.Fields) + "}"
		default:
			value = fmt.Sprintf("%q", f.Bytes)
		}
		words = append(words, name+"="+value)
	}
	return strings.Join(words, " ")
}

func TestParseDeclared(t *testing.T) {
	of := types(t).Response(descriptortest.Path)
	tag := func(number protowire.Number, kind protowire.Type) []byte {
		return protowire.AppendTag(nil, number, kind)
	}
	for name, c := range map[string]struct {
		message []byte
		want    string
	}{
		"all kinds": {descriptortest.Message(t, "shop.Order", `{"id":"\n\u0002ab","users":[{"fullName":"Ada"},{}],"deltas":[-1,2,-3],"state":"PAID","price":-0.5,
			"express":true,"weight":1.1,"rank":-7,"depth":-8,"labels":{"a":"b"}}`),
			`id="\n\x02ab" users={full_name="Ada"} users={} deltas=-1 deltas=2 deltas=-3 state=PAID price=-0.5 express=true weight=1.1 rank=-7 depth=-8 labels={key="a" value="b"}`},
		"not finite":          {descriptortest.Message(t, "shop.Order", `{"price":"NaN","weight":"-Infinity"}`), `price=NaN weight=-Infinity`},
		"unpacked":            {protowire.AppendVarint(tag(3, protowire.VarintType), 3), `deltas=-2`},
		"packed, cut":         {protowire.AppendBytes(tag(3, protowire.BytesType), []byte{3, 0x80}), `deltas=-2 3="\x80"`},
		"of another type":     {protowire.AppendVarint(tag(1, protowire.VarintType), 3), `1=3`},
		"unknown field":       {protowire.AppendString(tag(99, protowire.BytesType), "x"), `99="x"`},
		"unknown enum":        {protowire.AppendVarint(tag(4, protowire.VarintType), 77), `state=77`},
		"a message that none": {protowire.AppendString(tag(2, protowire.BytesType), "text"), `users="text"`},
		"no text":             {protowire.AppendBytes(tag(1, protowire.BytesType), []byte{0xff}), `id="\xff"`},
	} {
		fields, ok := Parse(c.message, of)
		if diff := cmp.Diff(c.want, named(fields)); !ok || diff != "" {
			t.Errorf("%s: %t %s", name, ok, diff)
		}
	}
	packed := protowire.AppendBytes(tag(3, protowire.BytesType), make([]byte, mostFields))
	if _, ok := Parse(packed, of); ok {
		t.Error("more fields than are allowed")
	}
}

// Only a Timestamp is a time where the type is known.
func TestDeclaredTime(t *testing.T) {
	order := descriptortest.Message(t, "shop.Order", `{"at":"2026-09-21T14:13:20.000000005Z"}`)
	fields, _ := Parse(order, types(t).Response(descriptortest.Path))
	if text, ok := fields[0].Time(); !ok || text != "1790000000.000000005" {
		t.Errorf("%q, %t", text, ok)
	}
	user := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), fieldBytes(order))
	fields, _ = Parse(user, types(t).Response(descriptortest.Path))
	if text, ok := fields[0].Time(); ok {
		t.Errorf("a user is the time %s", text)
	}
}

// fieldBytes is the value of the only field of a message.
func fieldBytes(message []byte) []byte {
	_, _, n := protowire.ConsumeTag(message)
	value, _ := protowire.ConsumeBytes(message[n:])
	return value
}

// FuzzParseDeclared wants a type to change nothing but what values are taken for.
func FuzzParseDeclared(f *testing.F) {
	f.Add(descriptortest.Message(f, "shop.Order", `{"id":"a","users":[{"fullName":"Ada"}],"deltas":[-1,2,-3],"price":-0.5,"labels":{"a":"b"}}`))
	of := types(f).Response(descriptortest.Path)
	f.Fuzz(func(t *testing.T, message []byte) {
		fields, ok := Parse(message, of)
		if _, plain := Parse(message, nil); ok && !plain && len(message) < mostFields {
			t.Fatal("a message with its type alone")
		}
		_ = named(fields) // every value can be shown
	})
}

// Fields of one number make a list where there are several, or where they are declared as one.
func TestGroups(t *testing.T) {
	number := func(n protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), 1)
	}
	of := types(t).Response(descriptortest.Path)
	message := slices.Concat(number(8), number(3), number(8), number(4), number(99))
	fields, ok := Parse(message, of)
	if !ok {
		t.Fatal("no message")
	}
	var got []string
	for group, isList := range Groups(fields) {
		got = append(got, fmt.Sprintf("%d of %s, a list: %t", len(group), group[0].Name(), isList))
	}
	want := []string{"1 of deltas, a list: true", "1 of state, a list: false", "2 of rank, a list: true", "1 of 99, a list: false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range Groups(nil) {
		t.Error("a group of nothing")
	}
}
