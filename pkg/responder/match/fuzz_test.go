// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"testing"
)

func jsonKey(body []byte) (Key, byte) {
	var c canonical
	c.read(&Request{Method: "POST", Path: "/", ContentType: jsonType, Body: body, BodyLength: int64(len(body))})
	return c.exact(), c.body
}

// FuzzJSON holds the canonical form of JSON against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1,2.50,-0,1e3],"a":{"\u0062":"\n","":null}}`, `[true,false,"x\\\"y",{}]`, `{"a":1,"a":2}`, ` [ ] `, `[1e400,0.1e-400]`, `{"a":`, "[\"\xff\"]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		key, kind := jsonKey(body)
		if kind != bodyJSON {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("taken for JSON: %v", err)
		}
		// Written again, with members in another order and without white space, it must be the same. With a name that is
		// there twice, encoding/json drops one.
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var c, d canonical
		c.read(&Request{Body: body, BodyLength: int64(len(body))})
		d.read(&Request{Body: again, BodyLength: int64(len(again))})
		if members(value) != objectMembers(&c.doc) {
			return
		}
		volatile := fieldSet{"$.a": {}}
		if repeated, _ := jsonKey(again); repeated != key || c.denoised(volatile) != d.denoised(volatile) {
			t.Fatalf("%q and %q differ", body, again)
		}
	})
}

func members(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		n = len(v)
		for _, member := range v {
			n += members(member)
		}
	case []any:
		for _, element := range v {
			n += members(element)
		}
	}
	return n
}

func objectMembers(d *document) int {
	n := 0
	for _, node := range d.nodes {
		if node.kind == jsonObject {
			n += int(node.to - node.from)
		}
	}
	return n
}

// FuzzNumber holds the normal form of numbers against exact arithmetic.
func FuzzNumber(f *testing.F) {
	for _, seed := range [][2]string{{"1.0", "1"}, {"-0", "0"}, {"100", "1e2"}, {"0.001", "1E-3"}, {"12e-1", "1.20"}, {"1e99999999999", "2"}, {"1e31", "1e30"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !isNumber(a) || !isNumber(b) {
			return
		}
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			return
		}
		if same := bytes.Equal(normalNumber([]byte(a)), normalNumber([]byte(b))); same != (x.Cmp(y) == 0) {
			t.Fatalf("%s and %s: %s and %s", a, b, normalNumber([]byte(a)), normalNumber([]byte(b)))
		}
	})
}

// isNumber keeps to numbers that exact arithmetic can hold.
func isNumber(s string) bool {
	return len(s) < 40 && json.Valid([]byte(s)) && bytes.IndexAny([]byte(s[:1]), "-0123456789") == 0 && len(exponentOf(s)) < 4
}

func exponentOf(s string) string {
	if i := bytes.IndexAny([]byte(s), "eE"); i >= 0 {
		return string(bytes.TrimLeft([]byte(s[i+1:]), "+-"))
	}
	return ""
}

// FuzzRequest looks for requests of which taking apart fails, or whose order of fields matters.
func FuzzRequest(f *testing.F) {
	f.Add("a=1&b=%zz&&c", formType, []byte("x=1&y"))
	f.Add("", "multipart/form-data; boundary=B", []byte("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n"))
	f.Add("=", jsonType, []byte(`{"a":[{"b":1}]}`))
	f.Fuzz(func(t *testing.T, query, kind string, body []byte) {
		q := &Request{Method: "POST", Path: "/a", Query: query, ContentType: kind, Body: body, BodyLength: int64(len(body))}
		var c canonical
		c.read(q)
		key, fields := c.exact(), fieldsOf(&c, nil)
		c.read(&Request{Method: "GET", Path: "/other", Query: "z=1", Body: []byte(`{"q":1}`), BodyLength: 7})
		c.read(q)
		if c.exact() != key || !reflect.DeepEqual(fieldsOf(&c, nil), fields) {
			t.Fatal("buffers that were used before change the key")
		}
	})
}
