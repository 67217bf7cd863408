// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package sse

import (
	"bytes"
	"reflect"
	"testing"
)

func TestSplitter(t *testing.T) {
	for _, c := range []struct {
		parts   []string
		ends    []int64
		between bool
	}{
		{nil, nil, true},
		{[]string{"data: 1\n\ndata: 2\n\n"}, []int64{9, 18}, true},
		{[]string{"data: 1\r\n\r\ndata: 2\r\n\r\n"}, []int64{11, 22}, true},
		{[]string{"data: 1\r\rdata: 2\r\r"}, []int64{9, 18}, true},
		{[]string{"da", "ta: 1\n", "\n", "data"}, []int64{9}, false},
		{[]string{"data: 1\r\n\r", "\ndata"}, []int64{10}, false},
		{[]string{"\n\n\n: comment\n\n\n\n"}, []int64{14}, true},
		{[]string{"data: 1\n"}, nil, false},
	} {
		var s Splitter
		var ends []int64
		for _, part := range c.parts {
			s.Feed([]byte(part), func(offset int64) { ends = append(ends, offset) })
		}
		if !reflect.DeepEqual(ends, c.ends) || s.Between() != c.between {
			t.Errorf("%q: ends %v, between %v", c.parts, ends, s.Between())
		}
	}
}

func TestParse(t *testing.T) {
	got := Parse([]byte(": hello\nevent: order\r\nid:7\ndata: {\"a\":1,\ndata:\"b\":2}\nretry: 10\n\n"))
	if want := (Event{Type: "order", ID: "7", Data: "{\"a\":1,\n\"b\":2}"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for kind, want := range map[string]bool{"text/event-stream": true, "Text/Event-Stream; charset=utf-8": true, "text/html": false, "": false} {
		if IsStream(kind) != want {
			t.Errorf("%q: %v", kind, !want)
		}
	}
}

// FuzzSplitter checks that no byte is lost, and that the parts in which a stream comes make no difference but for the line feed
// after a carriage return.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("data: 1\r\n\r\nid: 2\n\n"), uint8(3))
	f.Fuzz(func(t *testing.T, body []byte, at uint8) {
		events := Events(body)
		joined := bytes.Join(events, nil)
		if !bytes.HasPrefix(body, joined) || len(bytes.Trim(body[len(joined):], "\r\n")) > 0 {
			t.Fatalf("%q became %q", body, events)
		}
		var s Splitter
		n := 0
		cut := min(int(at), len(body))
		s.Feed(body[:cut], func(int64) { n++ })
		s.Feed(body[cut:], func(int64) { n++ })
		if n != len(events) && n+1 != len(events) {
			t.Fatalf("%d ends in parts, %d events", n, len(events))
		}
		for _, event := range events {
			_ = Parse(event)
		}
	})
}
