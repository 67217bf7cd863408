// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strings"
	"sync"
	"testing"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func TestSequenceIsPlayedInOrderAndItsLastRepeated(t *testing.T) {
	x := build(t, 3, func(int) call { return call{line: "GET /next"} })
	for _, want := range []string{"0", "1", "2", "2", "2"} {
		if got := answer(t, x, call{line: "GET /next"}); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	if x.Unused() != 0 {
		t.Errorf("%d unused", x.Unused())
	}
}

func TestSessionsHaveTheirOwnCursors(t *testing.T) {
	session := func(id string) call { return call{line: "GET /next", headers: "X-Request-Id: " + id + "\r\n"} }
	calls := []call{session("a"), session("b"), session("a"), {line: "GET /next"}}
	x := build(t, len(calls), func(i int) call { return calls[i] })
	for _, step := range []struct {
		call call
		want string
	}{
		{session("b"), "1"}, {session("a"), "0"}, {session("b"), "1"}, {session("a"), "2"}, {session("a"), "2"},
		{call{line: "GET /next"}, "0"}, // no session: the sequence of all
		{session("unknown"), "1"},      // not in the recording: the sequence of all
		{call{line: "GET /next"}, "2"}, {call{line: "GET /next"}, "3"},
	} {
		if got := answer(t, x, step.call); got != step.want {
			t.Errorf("%q: answer %q, want %q", step.call.headers, got, step.want)
		}
	}
}

func TestConcurrentClaimsTakeEachRecordOnce(t *testing.T) {
	const records, callers, each = 4000, 16, 300 // 800 claims more than records
	x := build(t, records, func(int) call { return call{line: "POST /next", kind: jsonType, body: `{"a":[1,2,3],"b":"c"}`} })
	var taken [records]int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			var mine []int
			for range each {
				m, ok := x.Claim(call{line: "POST /next", kind: jsonType, body: `{"b":"c","a":[1,2,3]}`}.request(t))
				if !ok {
					t.Error("missed")
					return
				}
				mine = append(mine, m.Number)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, number := range mine {
				taken[number]++
			}
		})
	}
	group.Wait()
	for number, times := range taken[:records-1] {
		if times != 1 {
			t.Errorf("record %d was taken %d times", number, times)
		}
	}
	if want := callers*each - records + 1; taken[records-1] != want {
		t.Errorf("the last record was taken %d times, want %d", taken[records-1], want)
	}
	if x.Unused() != 0 {
		t.Errorf("%d unused", x.Unused())
	}
}

func TestUnplayableRecordsAreCountedAndExplained(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*trafficpb.Record)
		want   string
	}{
		{"cut response", func(r *trafficpb.Record) { r.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED} }, "longer than the recorder keeps"},
		{"cut off", func(r *trafficpb.Record) { r.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_CUT_OFF} }, "cut off"},
		{"no response", func(r *trafficpb.Record) { r.Response = nil }, "cut off"},
		{"overflow", func(r *trafficpb.Record) { r.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_TEE_OVERFLOW} }, "could not keep up"},
		{"upgrade", func(r *trafficpb.Record) { r.Status = 101 }, "changes the protocol"},
		{"garbage", func(r *trafficpb.Record) { r.Response.Head = []byte("garbage\r\n\r\n") }, "not understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := call{line: "GET /a"}.record(t, "x")
			c.change(r)
			x := Build([]*trafficpb.Record{r})
			if x.Unplayable() != 1 || x.Unused() != 0 {
				t.Errorf("unplayable %d, unused %d", x.Unplayable(), x.Unused())
			}
			asked := call{line: "GET /a"}.request(t)
			if _, ok := x.Claim(asked); ok {
				t.Error("it was played")
			}
			if got := NewExplainer(x).Explain(asked); !strings.Contains(got, c.want) || !strings.Contains(got, r.GetId()) {
				t.Errorf("explanation %q", got)
			}
		})
	}
}

func TestExplanations(t *testing.T) {
	x := Build([]*trafficpb.Record{
		call{line: "GET /orders/7?page=1&token=abc"}.record(t, ""),
		call{line: "POST /orders", kind: jsonType, body: `{"item":"tea","n":1}`}.record(t, ""),
		call{line: "POST /raw", kind: "text/plain", body: "abc"}.record(t, ""),
	})
	e := NewExplainer(x)
	for _, c := range []struct {
		call call
		want []string
	}{
		{call{line: "GET /", host: "evil"}, []string{"no HTTP call to evil:9898 was recorded"}},
		{call{line: "GET /orders/8"}, []string{"no GET /orders/8 to back:9898", "nearest is GET /orders/7"}},
		{call{line: "GET /orders/7?page=2&token=xyz"}, []string{`query.page: "2", recorded "1"`, "query.token"}},
		{call{line: "GET /orders/7?page=1"}, []string{"query.token: recorded, but missing"}},
		{call{line: "POST /orders", kind: jsonType, body: `{"item":"coffee","n":1,"x":2}`}, []string{`$.item: "coffee", recorded "tea"`, "$.x: not recorded"}},
		{call{line: "POST /raw", kind: "text/plain", body: "abcd"}, []string{"body: 4 bytes, recorded 3 bytes"}},
	} {
		if _, ok := x.Claim(c.call.request(t)); ok {
			t.Errorf("%v was matched", c.call)
		}
		got := e.Explain(c.call.request(t))
		for _, part := range c.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: explanation %q lacks %q", c.call.line, got, part)
			}
		}
		if strings.Contains(got, "xyz") || strings.Contains(got, "abc\"") {
			t.Errorf("a secret is in %q", got)
		}
	}
	other := call{line: "GET /orders/7"}.request(t)
	other.Port = 80
	if got := e.Explain(other); !strings.Contains(got, "back:9898") {
		t.Errorf("another port: %q", got)
	}
}
