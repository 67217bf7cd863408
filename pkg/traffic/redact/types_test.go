// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// call is the record of a call to the path, whose request and response have one message each.
func call(t *testing.T, path, request, response string) *trafficpb.Record {
	r := record("POST "+path+" HTTP/2\r\ncontent-type: application/grpc\r\n\r\n", grpcBody(descriptortest.Message(t, "shop.Get", request)))
	r.Operation = "POST " + path
	body := grpcBody(descriptortest.Message(t, "shop.Order", response))
	r.Response = &trafficpb.Message{Head: []byte("HTTP/2 200 \r\ncontent-type: application/grpc\r\n\r\n"), Body: body, BodyLength: int64(len(body))}
	return r
}

func withTypes(t *testing.T, set *descriptor.Set, paths ...string) *Redactor {
	t.Helper()
	var settings wiring.RedactionSettings
	for _, path := range paths {
		settings.Rules = append(settings.Rules, wiring.RedactionRule{Name: "r", JSONPath: path})
	}
	redactor, err := New(key()).With(settings)
	if err != nil {
		t.Fatal(err)
	}
	return redactor.WithTypes(set)
}

func shopTypes(t *testing.T) *descriptor.Set {
	t.Helper()
	set, err := descriptor.Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Rules and names of secrets go by the names of fields where the types of messages are known.
func TestRulesByName(t *testing.T) {
	const request, response = `{"id":"order 17","user":{"fullName":"Ada Lovelace","password":"hunter22"}}`, `{"id":"order 17","users":[{"fullName":"Ada Lovelace"}]}`
	for name, c := range map[string]struct {
		rules                []string
		inRequest, inAnswer  []string // what stays
		notRequest, notReply []string
	}{
		"none":               {nil, []string{"Ada Lovelace", "order 17"}, []string{"Ada Lovelace"}, []string{"hunter22"}, nil},
		"of a nested field":  {[]string{"$.user.full_name"}, []string{"order 17"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace", "hunter22"}, nil},
		"as it is in JSON":   {[]string{"$[*].user.fullName"}, []string{"order 17"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace"}, nil},
		"of a list":          {[]string{"$.users[*].full_name"}, []string{"Ada Lovelace"}, []string{"order 17"}, nil, []string{"Ada Lovelace"}},
		"at any depth":       {[]string{"$..full_name"}, []string{"order 17"}, []string{"order 17"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace"}},
		"by number":          {[]string{"$[*].2.1"}, []string{"order 17"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace"}, nil},
		"of the whole":       {[]string{"$.user"}, []string{"order 17"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace"}, nil},
		"of another message": {[]string{"$.customer.full_name"}, []string{"Ada Lovelace"}, []string{"Ada Lovelace"}, nil, nil},
	} {
		r := call(t, descriptortest.Path, request, response)
		was := [2]int{len(r.GetRequest().GetBody()), len(r.GetResponse().GetBody())}
		withTypes(t, shopTypes(t), c.rules...).Record(r)
		asked, answered := r.GetRequest().GetBody(), r.GetResponse().GetBody()
		if len(asked) != was[0] || len(answered) != was[1] {
			t.Errorf("%s: the lengths are %d and %d, and were %v", name, len(asked), len(answered), was)
		}
		for _, at := range []struct {
			body       []byte
			stay, gone []string
		}{{asked, c.inRequest, c.notRequest}, {answered, c.inAnswer, c.notReply}} {
			for _, text := range slices.Concat(at.stay, at.gone) {
				if got, want := bytes.Contains(at.body, []byte(text)), slices.Contains(at.stay, text); got != want {
					t.Errorf("%s: %q is in %q: %t, want %t", name, text, at.body, got, want)
				}
			}
		}
		if slices.ContainsFunc(r.GetRedacted(), func(where string) bool { return strings.HasSuffix(where, "unsearched") }) {
			t.Errorf("%s: %v", name, r.GetRedacted())
		}
		live := Request{Path: descriptortest.Path, ContentType: "application/grpc", Body: call(t, descriptortest.Path, request, response).GetRequest().GetBody()}
		withTypes(t, shopTypes(t), c.rules...).Matching().Request(&live)
		if !bytes.Equal(live.Body, asked) {
			t.Errorf("%s: a call in a replay is %q, recorded %q", name, live.Body, asked)
		}
		reply := call(t, descriptortest.Path, request, response).GetResponse()
		withTypes(t, shopTypes(t), c.rules...).Matching().Response(r.GetOperation(), reply, false)
		if !bytes.Equal(reply.GetBody(), answered) {
			t.Errorf("%s: a response in a replay is %q, recorded %q", name, reply.GetBody(), answered)
		}
	}
}

// A call whose type is not in the set that the capture names is not searched when there are rules for fields by name.
func TestRulesByNameWithoutType(t *testing.T) {
	types := shopTypes(t)
	for name, c := range map[string]struct {
		redactor *Redactor
		path     string
		want     []string
	}{
		"known":            {withTypes(t, types, "$.user.full_name"), descriptortest.Path, []string{"request.body"}},
		"another method":   {withTypes(t, types, "$.user.full_name"), "/shop.Orders/Lose", []string{"request.body.unsearched", "response.body.unsearched"}},
		"unreadable set":   {withTypes(t, &descriptor.Set{}, "$.user.full_name"), descriptortest.Path, []string{"request.body.unsearched", "response.body.unsearched"}},
		"without rules":    {withTypes(t, &descriptor.Set{}), descriptortest.Path, nil},
		"no set was named": {withTypes(t, nil, "$.user.full_name"), descriptortest.Path, nil},
		"numbers":          {withTypes(t, &descriptor.Set{}, "$.2.1"), descriptortest.Path, []string{"request.body", "response.body"}},
	} {
		r := call(t, c.path, `{"user":{"fullName":"Ada"}}`, `{"users":[{"fullName":"Ada"}]}`)
		c.redactor.Record(r)
		if diff := cmp.Diff(c.want, r.GetRedacted()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What a name says is secret is so as a whole, however its value is written; the members of another message have names of their own, as in JSON.
func TestNamesOfNestedValues(t *testing.T) {
	for name, c := range map[string]struct {
		user, labels string
		gone, stay   string
	}{
		"text":              {`{"password":"hunter22"}`, `{}`, "hunter22", ""},
		"bytes, a message":  {`{"sessionToken":"CghodW50ZXIyMg=="}`, `{}`, "hunter22", ""},
		"bytes, nested":     {`{"sessionToken":"CgoKCGh1bnRlcjIy"}`, `{}`, "hunter22", ""},
		"wrapped":           {`{"passphrase":"hunter22"}`, `{}`, "hunter22", ""},
		"a wrapped number":  {`{"pin":"4711"}`, `{}`, "\x08\xe7\x24", ""},
		"a value":           {`{"settings":{"password":"hunter22","name":"Ada"}}`, `{}`, "hunter22", "Ada"},
		"a list":            {`{"settings":{"password":["hunter22"],"name":["Ada"]}}`, `{}`, "hunter22", "Ada"},
		"an object":         {`{"settings":{"password":{"name":"Ada"}}}`, `{}`, "", "Ada"},
		"a map":             {`{}`, `{"password":"hunter22","colour":"Ada"}`, "hunter22", "Ada"},
		"the key of a map":  {`{}`, `{"password":"hunter22"}`, "hunter22", "password"},
		"an entry, no more": {`{}`, `{"a":"password","password2":"Ada"}`, "", "Ada"},
		"another message":   {`{"credentials":{"fullName":"Ada","password":"hunter22"}}`, `{}`, "hunter22", "Ada"},
	} {
		r := call(t, descriptortest.Path, `{"user":`+c.user+`}`, `{"labels":`+c.labels+`}`)
		body := func() string { return string(r.GetRequest().GetBody()) + string(r.GetResponse().GetBody()) }
		before := body()
		withTypes(t, shopTypes(t)).Record(r)
		after := body()
		if len(before) != len(after) || !strings.Contains(before, c.gone) || c.gone != "" && strings.Contains(after, c.gone) || !strings.Contains(after, c.stay) {
			t.Errorf("%s: %q became %q", name, before, after)
		}
		found := uint64(0)
		for _, count := range r.GetRedactions() {
			found += count.GetCount()
		}
		if (found > 0) != (c.gone != "") {
			t.Errorf("%s: %d secrets", name, found)
		}
	}
}
