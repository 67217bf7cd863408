// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/wiring"
)

func newTestBuilder(environment bool, goals ...wiring.GoalSetting) *Builder {
	settings := &wiring.ReplaySettings{
		Snapshot: wiring.Object{Namespace: "shop", Name: "s", UID: "1"}, Replay: wiring.Object{Namespace: "shop", Name: "r", UID: "2"}, Goals: goals,
	}
	if environment {
		settings.Control = "10.0.0.1:4142"
	}
	return NewBuilder(settings, time.Unix(1_700_000_000, 0).UTC())
}

func exchange(operation string, replayed int, differences ...compare.Difference) *Exchange {
	return &Exchange{
		Record: "id", Key: "front:80", Operation: operation, RecordedOperation: operation, Method: strings.Fields(operation)[0],
		RecordedStatus: 200, ReplayedStatus: replayed, Recorded: 10 * time.Millisecond, Replayed: 20 * time.Millisecond,
		Released: 100 * time.Microsecond, Sent: 200 * time.Microsecond, Result: compare.Result{Differences: differences},
	}
}

func failing(operation, failure string) *Exchange {
	x := exchange(operation, 0)
	x.ReplayedFailure = failure
	return x
}

func difference(field string) compare.Difference {
	return compare.NewDifference(field, compare.KindBody, "1", "2")
}

func end() time.Time { return time.Unix(1_700_000_060, 0).UTC() }

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		build           func(*Builder)
		reason, message string
	}{
		"good": {func(b *Builder) {
			b.SetMatches(goal.Matches{Total: 4, Exact: 3, Denoised: 1}, 0, 0)
		}, ReasonGoalsHold, "1 requests replayed; every goal holds; 4 of 4 outbound calls matched, 0 connections let out"},
		"failed": {func(b *Builder) {
			b.Add(failing("POST /store", "eof"))
		}, ReasonGoalsFailed, "1 of 2 requests got no response: POST /store (1)"},
		"differing": {func(b *Builder) {
			for i := range 21 {
				b.Add(exchange("GET /version", 200, difference("$.version")))
				if i < 20 {
					b.Add(exchange("POST /store", 500, difference("status"), difference("body")))
				}
			}
		}, ReasonGoalsFailed, "41 of 42 responses differ: GET /version (21), POST /store (20)"},
		"many": {func(b *Builder) {
			for i := range 7 {
				b.Add(exchange(fmt.Sprintf("GET /%c", 'a'+i), 200, difference("body")))
			}
		}, ReasonGoalsFailed, "7 of 8 responses differ: GET /a (1), GET /b (1), GET /c (1), GET /d (1), GET /e (1) and 2 more"},
		"failed comes first": {func(b *Builder) {
			b.Add(exchange("GET /", 500, difference("status")))
			b.Add(failing("POST /store", "eof"))
		}, ReasonGoalsFailed, "1 of 3 requests got no response: POST /store (1)"},
		"missed": {func(b *Builder) {
			b.SetMatches(goal.Matches{Total: 3, Exact: 1, Missed: 2}, 0, 0)
			b.AddCall(TierMissed, MissedCall{Key: "back:80", Operation: "GET /x"})
			b.AddCall(TierMissed, MissedCall{Key: "back:80", Operation: "GET /x"})
		}, ReasonGoalsFailed, "2 of 3 outbound calls are not in the recording: back:80 GET /x (2)"},
		"escaped": {func(b *Builder) {
			b.SetEgress([]ProxyEgress{{Attempted: 3, Answered: 1, Refused: 1}, {Attempted: 1, Answered: 1}}, 0)
		}, ReasonGoalsFailed, "1 of 4 outbound connections were neither answered nor refused"},
		"one proxy cannot make up for another": {func(b *Builder) {
			b.SetEgress([]ProxyEgress{{Attempted: 3, Answered: 1}, {Attempted: 1, Answered: 3}}, 0)
		}, ReasonGoalsFailed, "2 of 4 outbound connections were neither answered nor refused"},
		"invalid": {func(b *Builder) {
			b.Add(failing("GET /", "eof"))
			b.Invalidate(ReasonResponderRestarted, "the responder restarted")
			b.Invalidate(ReasonNoProofOfIsolation, "second")
		}, ReasonResponderRestarted, "the responder restarted; what was seen: 1 of 2 requests got no response: GET / (1)"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBuilder(true)
			b.Add(exchange("GET /ok", 200))
			c.build(b)
			r := b.Report(end())
			if r.Reason != c.reason || r.Message != c.message || r.Passed != (c.reason == ReasonGoalsHold) {
				t.Errorf("passed %v, %s: %s", r.Passed, r.Reason, r.Message)
			}
		})
	}
}

func TestNothingReplayed(t *testing.T) {
	b := newTestBuilder(false)
	for i := range 30 {
		b.Skip("protocol opaque", fmt.Sprint(i))
	}
	b.Skip("malformed request", "x")
	r := b.Report(end())
	if r.Passed || r.Reason != ReasonNothingReplayed || r.Message != "all 31 inbound requests were skipped: protocol opaque (30)" {
		t.Errorf("%s: %s", r.Reason, r.Message)
	}
	if s := r.Skipped[0]; s.Count != 30 || len(s.Records) != maxSkippedRecords || r.Summary.Skipped != 31 {
		t.Errorf("%+v", r.Skipped)
	}
}

func TestLateness(t *testing.T) {
	for _, c := range []struct {
		sends, late int
		invalid     bool
	}{{1000, 10, false}, {1000, 11, true}, {20, 5, false}, {20, 6, true}, {100_000, 900, false}} {
		b := newTestBuilder(false)
		for i := range c.sends {
			x := exchange("GET /", 200)
			if i < c.late {
				x.Released = LateAfter + time.Millisecond
			}
			x.Sent = x.Released + time.Second // waiting for the target does not count
			b.Add(x)
		}
		r := b.Report(end())
		if (r.Reason == ReasonLate) != c.invalid || r.Passed == c.invalid || r.Lateness.Late != int64(c.late) || r.Lateness.Sends != int64(c.sends) {
			t.Errorf("%+v: %s: %s, %+v", c, r.Reason, r.Message, r.Lateness)
		}
	}
}

func TestGoals(t *testing.T) {
	b := newTestBuilder(false,
		wiring.GoalSetting{Name: "fast", Expression: "summary.replayed.p99 < 1.5 * summary.recorded.p99"},
		wiring.GoalSetting{Name: "broken", Expression: "summary.requests / summary.failed > 1"},
		wiring.GoalSetting{Name: "same", Expression: "summary.differing <= 1"})
	b.Add(exchange("GET /", 200, difference("body")))
	r := b.Report(end())
	want := []GoalResult{
		{"fast", "summary.replayed.p99 < 1.5 * summary.recorded.p99", false,
			"goal fast does not hold: summary.replayed.p99 < 1.5 * summary.recorded.p99; 1 of 1 responses differ: GET / (1)"},
		{"broken", "summary.requests / summary.failed > 1", false, "goal broken cannot be evaluated: division by zero"},
		{"same", "summary.differing <= 1", true, ""},
	}
	if diff := cmp.Diff(want, r.Summary.Goals); diff != "" || r.Message != want[0].Message {
		t.Error(diff)
	}
}

func TestBounds(t *testing.T) {
	b := newTestBuilder(true)
	for i := range maxEndpoints + 50 {
		for range maxDifferencesPerEndpoint + 1 {
			b.Add(exchange(fmt.Sprintf("GET /%04d", i), 200, difference("body")))
		}
	}
	x := exchange("GET /0000", 200, difference("body"))
	x.Result.LeftOut = 7
	b.Add(x)
	for range maxMissed + 3 {
		b.AddCall(TierMissed, MissedCall{Key: "k", Explanation: strings.Repeat("é", 2000)})
	}
	b.SetNoise(make([]compare.NoiseField, maxNoise+2))
	r := b.Report(end())
	total := int64((maxEndpoints+50)*(maxDifferencesPerEndpoint+1) + 8)
	if len(r.Differences) != maxDifferences || r.DifferencesLeftOut != total-maxDifferences {
		t.Errorf("%d differences, %d left out of %d", len(r.Differences), r.DifferencesLeftOut, total)
	}
	other := r.Endpoints[0]
	if len(r.Endpoints) != maxEndpoints+1 || other.Operation != otherOperation || other.Requests != 50*(maxDifferencesPerEndpoint+1) {
		t.Errorf("%d endpoints, first %+v", len(r.Endpoints), other)
	}
	if o := r.Outbound; len(o.Missed) != maxMissed || o.MissedLeftOut != 3 || len(o.Missed[0].Explanation) > maxExplanation+3 || o.Calls[0].Missed != maxMissed+3 {
		t.Errorf("%d missed, %d left out", len(o.Missed), o.MissedLeftOut)
	}
	if len(r.Noise) != maxNoise || r.NoiseLeftOut != 2 {
		t.Errorf("%d noise, %d left out", len(r.Noise), r.NoiseLeftOut)
	}
}

func TestEncode(t *testing.T) {
	b := newTestBuilder(true)
	b.Add(exchange("GET /", 500, compare.NewDifference("status", compare.KindStatus, "200", "500")))
	b.AddCall(TierExact, MissedCall{Key: "back:80"})
	r := b.Report(end())
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
	// The names are an interface: the API server, the controller and users read them.
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	summary := fields["summary"].(map[string]any)
	for _, name := range []string{"requests", "failed", "differing", "skipped", "recorded", "replayed", "matches", "egress", "goals"} {
		if _, ok := summary[name]; !ok {
			t.Errorf("summary has no field %s: %s", name, data)
		}
	}
	first := fields["differences"].([]any)[0].(map[string]any)
	want := map[string]any{"record": "id", "key": "front:80", "operation": "GET /", "field": "status", "kind": "status", "recorded": "200", "replayed": "500"}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "{}", `{"schema":"report.restage.dev/v2"}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%q) succeeded", bad)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	builder := newTestBuilder(false)
	x := exchange("GET /orders/{}", 200)
	b.ReportAllocs()
	for b.Loop() {
		builder.Add(x)
	}
}
