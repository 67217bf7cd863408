// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/wiring"
)

// counters are those of one proxy, which has dropped a packet as well.
func counters(instance string, attempted, answered, refused uint64) control.Proxy {
	return control.Proxy{Pod: "r-front-1", PodIP: "10.0.0.9", Instance: instance, Workload: "front", Attempted: attempted, Answered: answered, Refused: refused, Dropped: 1}
}

// inEnvironment replays a recording of v1 against v2, whose answers differ by version and by the name of the pod, in an
// environment with that responder.
func inEnvironment(t *testing.T, r *controlAPI) *report.Report {
	t.Helper()
	settings := newSettings(address(startServer(t, shop("v2", ""))))
	settings.Control = r.Listener.Addr().String()
	settings.LearnNoise, settings.Ignore = true, []string{"$.version"}
	return runReplay(t, startForwarder(t, recordShop(t, "v1", "")), settings)
}

// The pod's name is known to be that of the copy, so nothing differs.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 4, 3, 1))
	got := inEnvironment(t, r)
	if !got.Passed || got.Summary.Matches.Percent != 100 || len(got.Summary.Goals) != 4 {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
	if diff := cmp.Diff(goal.Egress{Attempted: 4, Answered: 3, Refused: 1, Dropped: 1}, got.Summary.Egress); diff != "" {
		t.Error(diff)
	}
}

// The counters of a proxy that restarted are added to those of its successor.
func TestProxyRestart(t *testing.T) {
	t.Parallel()
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 4, 3, 1))
	r.onStats = func(calls int64) {
		if calls == 2 {
			putProxy(t, r.URL, counters("p2", 2, 2, 0))
		}
	}
	got := inEnvironment(t, r)
	if diff := cmp.Diff(goal.Egress{Attempted: 6, Answered: 5, Refused: 1, Dropped: 2}, got.Summary.Egress); diff != "" || len(got.Egress) != 2 {
		t.Error(diff)
	}
}

// conclusion is the report of an environment in which nothing is sent, with little patience.
func conclusion(t *testing.T, r *controlAPI) *report.Report {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	env := &environment{control: &client{base: r.URL, token: environmentToken, http: r.Client()}, log: log}
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
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 4, 1, 1))
	got := conclusion(t, r)
	if want := "2 of 4 outbound connections were neither answered nor refused"; got.Passed || got.Message != want {
		t.Errorf("got %s: %s, want %s", got.Reason, got.Message, want)
	}
}

// A connection that is still being opened is waited for, longer than it takes until all is quiet.
func TestSettles(t *testing.T) {
	t.Parallel()
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 4, 3, 0))
	r.onStats = func(calls int64) {
		if calls == 15 {
			putProxy(t, r.URL, counters("p1", 4, 4, 0))
		}
	}
	if got := inEnvironment(t, r); !got.Passed || got.Summary.Egress != (goal.Egress{Attempted: 4, Answered: 4, Dropped: 1}) {
		t.Errorf("%s: %s, %+v", got.Reason, got.Message, got.Summary.Egress)
	}
}

func TestResponderRestart(t *testing.T) {
	t.Parallel()
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 0, 0, 0))
	r.onStats = func(calls int64) {
		if calls == 3 {
			r.restart(t, "two")
		}
	}
	got := inEnvironment(t, r)
	if got.Passed || got.Reason != report.ReasonResponderRestarted || got.Summary.Requests != 20 || !got.Summary.Goals[0].Passed {
		t.Errorf("%s: %s %+v", got.Reason, got.Message, got.Summary)
	}
}

func TestResponderGone(t *testing.T) {
	t.Parallel()
	r := startControlAPI(t)
	putProxy(t, r.URL, counters("p1", 4, 4, 0))
	r.onStats = func(calls int64) {
		if calls == 2 {
			r.fail()
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
	t.Parallel()
	for reason, spoil := range map[string]func(*controlAPI){
		report.ReasonNoProofOfIsolation:   func(*controlAPI) {},
		report.ReasonResponderUnreachable: func(r *controlAPI) { r.fail() },
	} {
		r := startControlAPI(t)
		spoil(r)
		ctx, cancel := contextFor(t, time.Second)
		defer cancel()
		err := (&environment{control: &client{base: r.URL, token: environmentToken, http: r.Client()}}).await(ctx)
		if known, ok := err.(invalidError); !ok || known.reason != reason {
			t.Errorf("got %v, want %s", err, reason)
		}
	}
}
