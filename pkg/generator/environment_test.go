// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/wiring"
)

// inEnvironment replays a recording of v1 against v2, whose answers differ by version and by the name of the pod, in an
// environment with that responder.
func inEnvironment(t *testing.T, r *responder, goals ...wiring.GoalSetting) *report.Report {
	t.Helper()
	settings := newSettings(address(startServer(t, shop("v2", ""))))
	settings.Control = r.Listener.Addr().String()
	settings.LearnNoise, settings.Ignore, settings.Goals = true, []string{"$.version"}, goals
	return runReplay(t, startForwarder(t, recordShop(t, "v1", "")), settings)
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := inEnvironment(t, startResponder(t))
	// The pod's name is known to be that of the copy, so only the missed call is left.
	if want := "1 of 3 outbound calls are not in the recording: api:80 GET /x (1)"; got.Passed || got.Message != want {
		t.Errorf("got %s: %s, want %s", got.Reason, got.Message, want)
	}
	wantOutbound := &report.Outbound{
		Calls:  []report.OutboundCalls{{Key: "api:80", Missed: 1}, {Key: "back:9898", Exact: 1, Denoised: 1}},
		Missed: []report.MissedCall{{Key: "api:80", Operation: "GET /x", Explanation: "no GET /x is recorded"}},
		Unused: 2, Untold: 5,
	}
	if diff := cmp.Diff(wantOutbound, got.Outbound, cmpopts.IgnoreFields(report.MissedCall{}, "Time")); diff != "" {
		t.Error(diff)
	}
	wantEgress := []report.ProxyEgress{{Pod: "r-front-1", Instance: "p1", Attempted: 4, Answered: 3, Refused: 1, RefusedNames: []string{"evil.example"}}}
	if diff := cmp.Diff(wantEgress, got.Egress); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(goal.Egress{Attempted: 4, Answered: 3, Refused: 1}, got.Summary.Egress); diff != "" {
		t.Error(diff)
	}
	if m := got.Summary.Matches; m.Total != 3 || m.Missed != 1 || m.Percent < 66.6 || m.Percent > 66.7 {
		t.Errorf("%+v", m)
	}
	if len(got.Summary.Goals) != 4 {
		t.Errorf("%+v", got.Summary.Goals)
	}
}

func TestEnvironmentPasses(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.answer["matches"] = map[string]int{"total": 2, "exact": 2}
	if got := inEnvironment(t, r); !got.Passed || got.Summary.Matches.Percent != 100 {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

// The counters of a proxy that restarted are added to those of its successor.
func TestProxyRestart(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.onCall = func(calls int) {
		if calls > 1 {
			r.answer["proxies"] = []map[string]any{{"pod": "r-front-1", "instance": "p2", "attempted": 2, "answered": 2}}
		}
	}
	got := inEnvironment(t, r)
	if diff := cmp.Diff(goal.Egress{Attempted: 6, Answered: 5, Refused: 1}, got.Summary.Egress); diff != "" || len(got.Egress) != 2 {
		t.Error(diff)
	}
}

// conclusion is the report of an environment in which nothing is sent, with little patience.
func conclusion(t *testing.T, r *responder) *report.Report {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	env := &environment{control: &control{base: r.URL, token: environmentToken, client: r.Client()}, log: log}
	if err := env.await(t.Context()); err != nil {
		t.Fatal(err)
	}
	settings := newSettings("front:9898")
	settings.Control = r.URL
	settings.Goals = []wiring.GoalSetting{{Name: "NoEscapes", Expression: "summary.egress.escaped == 0"}}
	b := report.NewBuilder(settings, time.Now())
	b.Add(&report.Exchange{RecordedStatus: 200, ReplayedStatus: 200})
	ctx, cancel := contextFor(t, 2*time.Second)
	defer cancel()
	env.conclude(ctx, time.Second, b)
	return b.Report(time.Now())
}

func TestEscapes(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.answer["proxies"] = []map[string]any{{"pod": "r-front-1", "instance": "p1", "attempted": 4, "answered": 1, "refused": 1}}
	got := conclusion(t, r)
	if want := "2 of 4 outbound connections were neither answered nor refused"; got.Passed || got.Message != want {
		t.Errorf("got %s: %s, want %s", got.Reason, got.Message, want)
	}
}

// A connection that is still being opened is waited for.
func TestSettles(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.answer["matches"] = map[string]int{"total": 2, "exact": 2}
	opening := []map[string]any{{"pod": "r-front-1", "instance": "p1", "attempted": 4, "answered": 3}}
	done := []map[string]any{{"pod": "r-front-1", "instance": "p1", "attempted": 4, "answered": 4}}
	r.onCall = func(calls int) {
		r.answer["proxies"] = opening
		if calls > 15 { // later than all is quiet
			r.answer["proxies"] = done
		}
	}
	if got := inEnvironment(t, r); !got.Passed || got.Summary.Egress != (goal.Egress{Attempted: 4, Answered: 4}) {
		t.Errorf("%s: %s, %+v", got.Reason, got.Message, got.Summary.Egress)
	}
}

func TestResponderRestart(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.onCall = func(calls int) {
		if calls == 3 {
			r.answer["instance"] = "two"
		}
	}
	got := inEnvironment(t, r, wiring.GoalSetting{Name: "nothing", Expression: "true"})
	if got.Passed || got.Reason != report.ReasonResponderRestarted || got.Summary.Requests != 20 || !got.Summary.Goals[0].Passed {
		t.Errorf("%s: %s %+v", got.Reason, got.Message, got.Summary)
	}
}

func TestResponderGone(t *testing.T) {
	t.Parallel()
	r := startResponder(t)
	r.onCall = func(calls int) {
		if calls > 1 {
			r.answer = nil
		}
	}
	got := conclusion(t, r)
	// What was counted before is shown, and proves nothing.
	if got.Passed || got.Reason != report.ReasonResponderUnreachable || got.Summary.Egress.Attempted != 4 {
		t.Errorf("%s: %s %+v", got.Reason, got.Message, got.Summary)
	}
}

// Nothing is sent into an environment of which no proxy has reported, or whose responder is not there.
func TestNotReady(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*responder)
		reason string
	}{
		"no proxy":     {func(r *responder) { r.answer["proxies"] = []any{} }, report.ReasonNoProofOfIsolation},
		"no responder": {func(r *responder) { r.Close() }, report.ReasonResponderUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			r := startResponder(t)
			c.spoil(r)
			control := &control{base: r.URL, token: environmentToken, client: r.Client()}
			ctx, cancel := contextFor(t, 300*time.Millisecond)
			defer cancel()
			err := (&environment{control: control}).await(ctx)
			if known, ok := err.(invalidError); !ok || known.reason != c.reason {
				t.Errorf("got %v, want %s", err, c.reason)
			}
		})
	}
}
