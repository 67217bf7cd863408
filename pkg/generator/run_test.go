// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/wiring"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func ok(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

func TestTimeoutIsReported(t *testing.T) {
	server := startServer(t, http.HandlerFunc(ok))
	r := newRecording(t, server.URL).connection(time.Millisecond, get("/a"), get("/b")).connection(time.Hour, get("/c"), get("/d"))
	settings := newSettings(address(server))
	settings.Timeout = 0.5
	got := runReplay(t, startForwarder(t, r.records), settings)
	if want := "the timeout of 500ms has passed: 3 of 4 requests were replayed"; got.Passed || got.Reason != report.ReasonTimeout || got.Message != want {
		t.Errorf("got %s: %s, want %s", got.Reason, got.Message, want)
	}
	if got.Summary.Requests != 3 || got.Summary.Failed != 0 {
		t.Errorf("%+v", got.Summary)
	}
}

// A request that is in the air when the timeout passes is neither failed nor counted.
func TestTimeoutEndsWhatIsInTheAir(t *testing.T) {
	block := make(chan struct{})
	fast := startServer(t, http.HandlerFunc(ok))
	slow := startServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-block }))
	defer close(block)
	settings := newSettings(address(slow))
	settings.Timeout = 0.3
	begun := time.Now()
	got := runReplay(t, startForwarder(t, newRecording(t, fast.URL).connection(0, get("/a")).records), settings)
	if got.Reason != report.ReasonTimeout || got.Summary.Requests != 0 || time.Since(begun) > 4*time.Second {
		t.Errorf("%s: %s after %v", got.Reason, got.Message, time.Since(begun))
	}
}

func TestInterruptIsReported(t *testing.T) {
	recorded := startServer(t, http.HandlerFunc(ok))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	server := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/b" {
			interrupt()
		}
		ok(w, q)
	}))
	f := startForwarder(t, newRecording(t, recorded.URL).connection(10*time.Millisecond, get("/a"), get("/b")).connection(time.Hour, get("/c"), get("/d")).records)
	if err := Run(ctx, options(t, f, newSettings(address(server)))); err != nil {
		t.Fatal(err)
	}
	got := f.report(t)
	if got.Passed || got.Reason != report.ReasonInterrupted || got.Summary.Requests == 0 || got.Summary.Requests == 4 {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

func TestNothingToReplay(t *testing.T) {
	f := startForwarder(t, nil)
	got := runReplay(t, f, newSettings("127.0.0.1:1"))
	if got.Passed || got.Reason != report.ReasonNothingReplayed || got.Message != "the snapshot has no inbound request to replay" {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

func TestSnapshotErrors(t *testing.T) {
	server := startServer(t, http.HandlerFunc(ok))
	f := startForwarder(t, newRecording(t, server.URL).connection(0, get("/a")).records)
	f.readErrors = []error{status.Error(codes.Unavailable, "starting"), status.Error(codes.PermissionDenied, "not yet")}
	if got := runReplay(t, f, newSettings(address(server))); !got.Passed {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
	f = startForwarder(t, f.records)
	f.manifestErrors = []error{status.Error(codes.Unavailable, "starting")}
	if got := runReplay(t, f, newSettings(address(server))); !got.Passed || f.reads != 1 {
		t.Errorf("%s: %s; the records were read %d times", got.Reason, got.Message, f.reads)
	}
	f = startForwarder(t, nil)
	f.readErrors = []error{status.Error(codes.NotFound, "no such snapshot")}
	got := runReplay(t, f, newSettings(address(server)))
	if got.Passed || got.Reason != report.ReasonGeneratorError || !strings.Contains(got.Message, "no such snapshot") {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

func TestReportIsNotLost(t *testing.T) {
	server := startServer(t, http.HandlerFunc(ok))
	f := startForwarder(t, newRecording(t, server.URL).connection(0, get("/a")).records)
	f.putErrors = []error{status.Error(codes.Unavailable, "busy"), status.Error(codes.Internal, "disk")}
	if got := runReplay(t, f, newSettings(address(server))); !got.Passed || len(f.putErrors) > 0 {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
	last := f.progress[len(f.progress)-1]
	if last.GetSent() != 1 || last.GetTotal() != 1 || last.GetErrors() != 0 || time.Since(time.Unix(0, last.GetTime())) > time.Minute {
		t.Errorf("%v", last)
	}
}

func TestReportThatNobodyTakesIsAnError(t *testing.T) {
	f := startForwarder(t, nil)
	f.putErrors = []error{status.Error(codes.NotFound, "no such replay")}
	if err := Run(t.Context(), options(t, f, newSettings("127.0.0.1:1"))); err == nil || !strings.Contains(err.Error(), "no such replay") {
		t.Errorf("got %v", err)
	}
}

func TestTargetAppearsLate(t *testing.T) {
	server := startServer(t, http.HandlerFunc(ok))
	f := startForwarder(t, newRecording(t, server.URL).connection(0, get("/a")).records)
	place, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := place.Addr().String()
	place.Close()
	ctx, cancel := contextFor(t, time.Second)
	defer cancel()
	if err := awaitTarget(ctx, target); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens at %s: %v", target, err)
	}
	late := make(chan error, 1)
	go func() {
		listener, err := net.Listen("tcp", target)
		if err != nil {
			late <- err
			return
		}
		late <- http.Serve(listener, http.HandlerFunc(ok))
	}()
	if got := runReplay(t, f, newSettings(target)); !got.Passed {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	f := startForwarder(t, nil)
	for want, spoil := range map[string]func(*wiring.ReplaySettings){
		"replay: namespace, name and uid": func(s *wiring.ReplaySettings) { s.Replay.UID = "" },
		"speed: 0":                        func(s *wiring.ReplaySettings) { s.Speed = 0 },
		"requestTimeoutSeconds: -1":       func(s *wiring.ReplaySettings) { s.RequestTimeout = -1 },
		"timeoutSeconds: 0":               func(s *wiring.ReplaySettings) { s.Timeout = 0 },
		"control":                         func(s *wiring.ReplaySettings) { s.Control = "nowhere" },
		"tests: at least one":             func(s *wiring.ReplaySettings) { s.Tests = nil },
		"tests[0].key":                    func(s *wiring.ReplaySettings) { s.Tests[0].Key = "" },
		"tests[0].address":                func(s *wiring.ReplaySettings) { s.Tests[0].Address = "front" },
		"ignore[0]":                       func(s *wiring.ReplaySettings) { s.Ignore = []string{"a"} },
		"goals[0].expression": func(s *wiring.ReplaySettings) {
			s.Goals = []wiring.GoalSetting{{Name: "a", Expression: "summary.nothing"}}
		},
	} {
		settings := newSettings("127.0.0.1:1")
		spoil(settings)
		if err := Run(t.Context(), options(t, f, settings)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	o := options(t, f, newSettings("127.0.0.1:1"))
	data, err := os.ReadFile(o.Settings)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, o.Settings, append([]byte(`{"sped":2,`), data[1:]...))
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), `unknown field "sped"`) {
		t.Errorf("got %v", err)
	}
	o.Forwarder = ""
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--forwarder is required") {
		t.Errorf("got %v", err)
	}
}
