// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

func response(t testing.TB, status int, body string, headers ...string) *http1.Message {
	t.Helper()
	raw := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n", status, len(body))
	for _, h := range headers {
		raw += h + "\r\n"
	}
	m, err := http1.ReadResponse(bufio.NewReader(strings.NewReader(raw+"\r\n"+body)), "GET", http1.Limits{Head: 1 << 16, Body: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const jsonType = "Content-Type: application/json; charset=utf-8"

func TestCompareJSON(t *testing.T) {
	id := Identity{Recorded: "front-1", Replayed: []string{"r-front-8", "r-front-9"}}
	for _, c := range []struct {
		name, recorded, replayed string
		want                     []Difference
	}{
		{"equal", `{"a":1}`, `{"a":1}`, nil},
		{"order and space", `{"a":1,"b":[true,null]}`, ` { "b" : [ true , null ] , "a" : 1 } `, nil},
		{"numbers by value", `[1, 10, 1e3, 0.5, -0, 12345678901234567890]`, `[1.0, 1e1, 1000, 5e-1, 0.0, 12345678901234567890.0]`, nil},
		{"numbers beyond floats", `{"n":9007199254740993}`, `{"n":9007199254740992}`, []Difference{{"$.n", KindBody, "9007199254740993", "9007199254740992"}}},
		{"sign", `[1]`, `[-1]`, []Difference{{"$[0]", KindBody, "1", "-1"}}},
		{"changed", `{"a":{"b":["x","y"]}}`, `{"a":{"b":["x","z"]}}`, []Difference{{"$.a.b[1]", KindBody, `"y"`, `"z"`}}},
		{"missing and extra", `{"a":1,"c":{"d":2}}`, `{"a":1,"b":2}`, []Difference{{"$.c", KindMissing, `{"d":2}`, ""}, {"$.b", KindExtra, "", "2"}}},
		{"type", `{"a":1,"b":null,"c":{}}`, `{"a":"1","b":0,"c":[]}`, []Difference{
			{"$.a", KindType, "1", `"1"`}, {"$.b", KindType, "null", "0"}, {"$.c", KindType, "{}", "[]"}}},
		{"longer list", `[1]`, `[1,2]`, []Difference{{"$[1]", KindExtra, "", "2"}}},
		{"shorter list", `[1,2]`, `[1]`, []Difference{{"$[1]", KindMissing, "2", ""}}},
		{"root", `"a"`, `{"a":1}`, []Difference{{"$", KindType, `"a"`, `{"a":1}`}}},
		{"strange names", `{"x y":{"":1}}`, `{"x y":{"":2}}`, []Difference{{`$["x y"][""]`, KindBody, "1", "2"}}},
		{"pod", `{"hostname":"front-1","url":"http://front-1/x"}`, `{"hostname":"r-front-9","url":"http://r-front-9/x"}`, nil},
		{"other pod", `{"hostname":"front-1"}`, `{"hostname":"back-1"}`, []Difference{{"$.hostname", KindBody, `"front-1"`, `"back-1"`}}},
		{"not JSON any more", `{"a":1}`, `oops`, []Difference{{"body", KindBody, `{"a":1}`, "oops"}}},
		{"two documents", `{"a":1}`, `{"a":1}{}`, []Difference{{"body", KindBody, `{"a":1}`, `{"a":1}{}`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := (&Comparer{}).Compare("GET /", nil, response(t, 200, c.recorded, jsonType), response(t, 200, c.replayed, jsonType), id)
			if diff := cmp.Diff(c.want, got.Differences); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompareStatusAndHeaders(t *testing.T) {
	recorded := response(t, 200, "", "location: /a", "X-Other: 1", "Vary: a", "Vary: b")
	replayed := response(t, 500, "", "Location: /b", "X-Other: 2", "Vary: a, b")
	got := (&Comparer{Headers: []string{"location", "Content-Type", "Vary"}}).Compare("GET /", nil, recorded, replayed, Identity{})
	want := []Difference{{"status", KindStatus, "200", "500"}, {"header.Location", KindHeader, "/a", "/b"}}
	if diff := cmp.Diff(want, got.Differences); diff != "" {
		t.Error(diff)
	}
}

func TestIgnore(t *testing.T) {
	c := Comparer{Ignore: []Path{mustPath(t, "$.now"), mustPath(t, "$.items[*].id")}}
	recorded := response(t, 200, `{"now":1,"items":[{"id":1,"n":1},{"id":2,"n":1}]}`)
	replayed := response(t, 200, `{"now":[2],"items":[{"id":3,"n":1},{"n":2}]}`)
	want := []Difference{{"$.items[1].n", KindBody, "1", "2"}}
	if diff := cmp.Diff(want, c.Compare("GET /", nil, recorded, replayed, Identity{}).Differences); diff != "" {
		t.Error(diff)
	}
}

func TestRawBodies(t *testing.T) {
	id := Identity{Recorded: "front-1", Replayed: []string{"r-front"}}
	for _, c := range []struct {
		name, recorded, replayed string
		want                     []Difference
	}{
		{"equal", "hello", "hello", nil},
		{"text", "hello", "bye", []Difference{{"body", KindBody, "hello", "bye"}}},
		{"pod", "I am front-1\n", "I am r-front\n", nil},
		{"binary", "\x00\x01", "\x00\x02", []Difference{{"body", KindBody,
			"2 bytes, sha256 b413f47d13ee2fe6c845b2ee141af81de858df4ec549a58b7970bb96645bc8d2",
			"2 bytes, sha256 fcf0a6c700dd13e274b6fba8deea8dd9b26e4eedde3495717cac8408c9c5177f"}}},
		{"JSON without content type", `{"a":1}`, `{ "a": 1 }`, nil},
		{"number alone is text", `1`, `1.0`, []Difference{{"body", KindBody, "1", "1.0"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := (&Comparer{}).Compare("GET /", nil, response(t, 200, c.recorded), response(t, 200, c.replayed), id)
			if diff := cmp.Diff(c.want, got.Differences); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func compress(t *testing.T, body string, open func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContentCodings(t *testing.T) {
	const body = `{"a":1,"b":"x"}`
	gz := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	zl := func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
	br := func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }
	fl := func(w io.Writer) io.WriteCloser {
		f, err := flate.NewWriter(w, 9)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	recorded := response(t, 200, compress(t, body, gz), jsonType, "Content-Encoding: gzip")
	for name, replayed := range map[string]*http1.Message{
		"plain":   response(t, 200, body, jsonType),
		"gzip":    response(t, 200, compress(t, " "+body, gz), jsonType, "Content-Encoding: GZIP"),
		"zlib":    response(t, 200, compress(t, body, zl), jsonType, "Content-Encoding: deflate"),
		"deflate": response(t, 200, compress(t, body, fl), jsonType, "Content-Encoding: deflate"),
		"brotli":  response(t, 200, compress(t, body, br), jsonType, "Content-Encoding: br"),
		"twice":   response(t, 200, compress(t, compress(t, body, gz), br), jsonType, "Content-Encoding: gzip, br"),
	} {
		if got := (&Comparer{}).Compare("GET /", nil, recorded, replayed, Identity{}); len(got.Differences) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	changed := response(t, 200, compress(t, `{"a":2,"b":"x"}`, gz), jsonType, "Content-Encoding: gzip")
	if got := (&Comparer{}).Compare("GET /", nil, recorded, changed, Identity{}); len(got.Differences) != 1 || got.Differences[0].Field != "$.a" {
		t.Errorf("changed: %+v", got)
	}
	broken := response(t, 200, "no gzip", jsonType, "Content-Encoding: gzip")
	if got := (&Comparer{}).Compare("GET /", nil, recorded, broken, Identity{}); len(got.Differences) != 1 || got.Differences[0].Field != "body" {
		t.Errorf("broken: %+v", got)
	}
}

func TestDifferencesAreBounded(t *testing.T) {
	recorded := response(t, 200, "["+strings.Repeat(`"é",`, 49)+`"`+strings.Repeat("é", 3000)+`"]`)
	replayed := response(t, 200, "["+strings.Repeat(`"b",`, 49)+`"b"]`)
	got := (&Comparer{}).Compare("GET /", nil, recorded, replayed, Identity{})
	if len(got.Differences) != 20 || got.LeftOut != 30 {
		t.Errorf("got %d differences and %d left out, want 20 and 30", len(got.Differences), got.LeftOut)
	}
	d := NewDifference("body", KindBody, strings.Repeat("é", 3000), "\xff")
	if len(d.Recorded) > 1024 || !strings.HasSuffix(d.Recorded, "é…") || d.Replayed != "\uFFFD" {
		t.Errorf("%d bytes, %q", len(d.Recorded), d.Replayed)
	}
}

func TestNoise(t *testing.T) {
	var noise Noise
	id := Identity{Recorded: "front-1", Replayed: []string{"front-2"}}
	learn := func(one, other string) {
		noise.Learn("GET /", nil, []string{"X-Id"}, response(t, 200, one, "X-Id: 1"), response(t, 200, other, "X-Id: 2"), id)
	}
	learn(`{"pod":"front-1","now":1,"items":[{"at":1}],"maybe":null,"opt":1}`, `{"pod":"front-2","now":2,"items":[{"at":2}],"maybe":{"x":1}}`)
	noise.Learn("GET /text", nil, nil, response(t, 200, "a"), response(t, 200, "b"), id)

	want := []NoiseField{{"GET /", "$.items[*].at"}, {"GET /", "$.maybe"}, {"GET /", "$.now"}, {"GET /", "$.opt"}, {"GET /", "header.X-Id"}, {"GET /text", "body"}}
	if diff := cmp.Diff(want, noise.Fields()); diff != "" {
		t.Error(diff)
	}
	c := Comparer{Headers: []string{"X-Id"}, Noise: &noise}
	recorded := response(t, 200, `{"pod":"p","now":1,"items":[{"at":1},{"at":1}],"maybe":{"x":1},"opt":1}`, "X-Id: 1")
	for replayed, want := range map[string][]Difference{
		`{"pod":"p","now":5,"items":[{"at":1},{"at":9}],"maybe":{"x":2}}`:   nil,
		`{"pod":"q","now":5,"items":[{"at":1},{"at":9}],"maybe":3,"opt":1}`: {{"$.pod", KindBody, `"p"`, `"q"`}},
		`{"pod":"p","items":[{"at":1},{"at":9}],"maybe":3,"opt":1}`:         {{"$.now", KindMissing, "1", ""}},
		`{"pod":"p","now":"5","items":[{"at":1},{"at":9}],"maybe":3}`:       {{"$.now", KindType, "1", `"5"`}},
		`{"pod":"p","now":5,"items":[{"at":1},{"at":9}],"maybe":3,"opt":2}`: {{"$.opt", KindBody, "1", "2"}},
		`{"pod":"p","now":5,"items":[{"at":1},{"to":9}],"maybe":3,"opt":1}`: {{"$.items[1].at", KindMissing, "1", ""}, {"$.items[1].to", KindExtra, "", "9"}},
	} {
		if diff := cmp.Diff(want, c.Compare("GET /", nil, recorded, response(t, 200, replayed, "X-Id: 7"), Identity{}).Differences); diff != "" {
			t.Errorf("%s: %s", replayed, diff)
		}
	}
	if got := c.Compare("GET /other", nil, response(t, 200, "a"), response(t, 200, "b"), Identity{}); len(got.Differences) != 1 {
		t.Errorf("noise of one operation spilled into another: %+v", got)
	}
	if got := c.Compare("GET /text", nil, response(t, 200, "a"), response(t, 500, "b"), Identity{}); len(got.Differences) != 1 || got.Differences[0].Kind != KindStatus {
		t.Errorf("noise hid a status: %+v", got)
	}
}

func TestOperation(t *testing.T) {
	for target, want := range map[string]string{
		"/":                  "/",
		"/orders/17?x=1":     "/orders/{}",
		"/orders/17/lines/3": "/orders/{}/lines/{}",
		"/v1/status/200":     "/v1/status/{}",
		"/u/550e8400-e29b-41d4-a716-446655440000": "/u/{}",
		"/u/deadbeefdeadbeef":                     "/u/{}",
		"/u/deadbeef":                             "/u/deadbeef",
		"/u/01JD7ZK3Q4V5W6X7Y8Z9ABCDEF":           "/u/{}",
		"/u/internationalization":                 "/u/internationalization",
		"/a-b_c.d/2x":                             "/a-b_c.d/2x",
		"http://host:80/orders/17?a":              "/orders/{}",
		"*":                                       "*",
	} {
		if got := Operation("GET", target); got != "GET "+want {
			t.Errorf("%s: got %s, want GET %s", target, got, want)
		}
	}
}

// Any document equals itself, and what differs one way differs the other way.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.50,{"b":null}]}`), []byte(`{"a":[1,2.5,{"b":false}],"c":""}`))
	f.Add([]byte(`[1e400,-0]`), []byte(`[10e399,0.0]`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, okX := parseJSON(a)
		y, okY := parseJSON(b)
		if !okX || !okY {
			return
		}
		if n := count(x, x); n != 0 {
			t.Errorf("%s differs from itself in %d places", a, n)
		}
		if m, n := count(x, y), count(y, x); m != n {
			t.Errorf("%s and %s differ in %d places, the other way in %d", a, b, m, n)
		}
		one, _ := json.Marshal(x)
		other, _ := json.Marshal(y)
		if bytes.Equal(one, other) && count(x, y) != 0 {
			t.Errorf("%s and %s differ", one, other)
		}
	})
}

func count(x, y any) (n int) {
	w := walk{found: func(at place, _ Kind, _, _ any) {
		if _, err := ParsePath(at.String()); err != nil && len(at) > 0 && len(at) <= maxSteps && len(at.String()) <= maxPath {
			panic(err)
		}
		n++
	}}
	w.values(x, y)
	return n
}

func BenchmarkCompare(b *testing.B) {
	var body strings.Builder
	body.WriteString(`{"items":[`)
	for i := range 20 {
		fmt.Fprintf(&body, `{"id":%d,"name":"item %d","price":%d.50,"tags":["a","b"]},`, i, i, i)
	}
	recorded := response(b, 200, body.String()+`{}],"now":1}`, jsonType)
	same := response(b, 200, body.String()+`{}],"now":1}`, jsonType)
	other := response(b, 200, body.String()+`{}],"now":2}`, jsonType)
	c := Comparer{Headers: []string{"Content-Type", "Location"}, Ignore: []Path{mustPath(b, "$.now")}}
	for name, replayed := range map[string]*http1.Message{"equal": same, "ignored": other} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := c.Compare("GET /", nil, recorded, replayed, Identity{}); len(got.Differences) > 0 {
					b.Fatal(got)
				}
			}
		})
	}
}
