// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

func startServer(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func address(server *httptest.Server) string { return server.Listener.Addr().String() }

// A replay of go-httpbin against another process of the same passes, over all kinds of bodies and framings.
func TestSameServerPasses(t *testing.T) {
	old, same := startServer(t, httpbin.New()), startServer(t, httpbin.New())
	r := newRecording(t, old.URL)
	for range 3 {
		r.connection(time.Millisecond,
			get("/get?a=b"), post("/post", "application/json", `{"a":[1,2]}`), get("/status/418"), get("/gzip"), get("/deflate"),
			get("/bytes/1000?seed=1"), get("/redirect-to?url=/get"), get("/stream/3"), "HEAD /get HTTP/1.1\r\nHost: a\r\n\r\n",
			"PUT /put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", get("/html"),
			"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
	}
	// The addresses of the client differ, in the recording too.
	settings := newSettings(address(same))
	settings.Ignore = []string{"$.origin"}
	got := runReplay(t, startForwarder(t, r.records), settings)
	if !got.Passed || got.Reason != report.ReasonGoalsHold || got.Summary.Requests != int64(len(r.records)) {
		t.Fatalf("%s: %s\n%+v", got.Reason, got.Message, got.Differences)
	}
	if got.Replay != settings.Replay || got.BuildTag != "v2" || got.Outbound != nil || len(got.Summary.Goals) != 2 {
		t.Errorf("%+v", got)
	}
	if l := got.Summary.Replayed; l.P50 <= 0 || l.Max < l.P99 || got.Summary.Recorded.P50 < 0.0019 || got.Summary.Recorded.P50 > 0.0021 {
		t.Errorf("latencies %+v and %+v", got.Summary.Recorded, l)
	}
	t.Logf("lateness %+v", got.Lateness)
}

// shop is an application with a version.
func shop(version string, failing string) http.Handler {
	mux := http.NewServeMux()
	var calls atomic.Int64
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"version": version, "now": calls.Add(1)})
	})
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, q *http.Request) {
		reply(w, map[string]any{"id": q.PathValue("id"), "host": map[string]string{"v1": "front-7d-abc", "v2": "r-front-1"}[version]})
	})
	mux.HandleFunc("POST /store", func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		if failing == "abort" {
			panic(http.ErrAbortHandler)
		}
		if failing != "" {
			http.Error(w, failing, http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

func recordShop(t testing.TB, version, failing string) []*trafficpb.Record {
	r := newRecording(t, startServer(t, shop(version, failing)).URL)
	for i := range 5 {
		r.connection(time.Millisecond, get("/version"), get(fmt.Sprintf("/orders/%d", i)), post("/store", "text/plain", "x"), get("/version"))
	}
	return r.records
}

func TestChangedServerIsNamed(t *testing.T) {
	records := recordShop(t, "v1", "")
	settings := newSettings(address(startServer(t, shop("v2", "out of stock"))))
	settings.LearnNoise = true // of $.now
	got := runReplay(t, startForwarder(t, records), settings)
	// Without an environment nobody knows the pods, so the host name counts.
	want := "20 of 20 responses differ: GET /version (10), GET /orders/{} (5), POST /store (5)"
	if got.Passed || got.Reason != report.ReasonGoalsFailed || got.Message != want {
		t.Errorf("%s: %s, want %s", got.Reason, got.Message, want)
	}
	if diff := cmp.Diff([]compare.NoiseField{{Operation: "GET /version", Field: "$.now"}}, got.Noise); diff != "" {
		t.Error(diff)
	}
	store := got.Endpoints[2]
	if store.Operation != "POST /store" || store.Key != testKey || store.Requests != 5 || store.Differing != 5 ||
		len(store.Statuses) != 1 || store.Statuses[0] != (report.StatusPair{Recorded: 201, Replayed: 500, Count: 5}) {
		t.Errorf("%+v", store)
	}
	// Differences come in the order of the answers.
	version := report.Difference{
		Record: records[0].GetId(), Key: testKey, Operation: "GET /version", Difference: compare.NewDifference("$.version", compare.KindBody, `"v1"`, `"v2"`),
	}
	if !slices.Contains(got.Differences, version) {
		t.Errorf("%+v is not among %+v", version, got.Differences)
	}
}

func TestFailures(t *testing.T) {
	working, aborting := recordShop(t, "v1", ""), recordShop(t, "v1", "abort")
	for _, c := range []struct {
		name, failing       string
		records             []*trafficpb.Record
		failed, differing   int64
		message, difference string
	}{
		{"new failure", "abort", working, 5, 0, "5 of 20 requests got no response: POST /store (5)", "status 201 → eof"},
		{"recorded failure", "abort", aborting, 0, 0, "", ""},
		{"failure is gone", "", aborting, 0, 5, "5 of 20 responses differ: POST /store (5)", "eof → status 201"},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := newSettings(address(startServer(t, shop("v1", c.failing))))
			settings.LearnNoise = true
			got := runReplay(t, startForwarder(t, c.records), settings)
			if got.Summary.Failed != c.failed || got.Summary.Differing != c.differing || got.Passed != (c.message == "") {
				t.Errorf("%+v", got.Summary)
			}
			if c.message == "" {
				return
			}
			if got.Message != c.message {
				t.Errorf("got %s, want %s", got.Message, c.message)
			}
			if d := got.Differences[0]; d.Kind != compare.KindFailure || d.Recorded+" → "+d.Replayed != c.difference {
				t.Errorf("%+v, want %s", d, c.difference)
			}
		})
	}
}

func TestRequestTimeout(t *testing.T) {
	release := make(chan struct{})
	slow := func(block bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if block && q.URL.Path == "/slow" {
				<-release
			}
			io.WriteString(w, q.URL.Path)
		})
	}
	records := newRecording(t, startServer(t, slow(false)).URL).connection(time.Millisecond, get("/a"), get("/slow"), get("/b")).records
	server := startServer(t, slow(true))
	defer close(release)
	settings := newSettings(address(server))
	settings.RequestTimeout = 0.2
	got := runReplay(t, startForwarder(t, records), settings)
	if got.Summary.Failed != 1 || got.Summary.Differing != 0 || got.Differences[0].Replayed != "timeout" {
		t.Errorf("%+v %+v", got.Summary, got.Differences)
	}
	// The request behind it on the connection was due a millisecond later: it waited, and its latency says so.
	for _, e := range got.Endpoints {
		if e.Operation == "GET /b" && e.Replayed.Max < 0.15 || e.Operation == "GET /slow" && e.Replayed.Max < 0.2 {
			t.Errorf("%+v: the wait is not in the latency", e)
		}
	}
	if got.Lateness.Late > 0 || got.Lateness.Sent.Max < 0.15 {
		t.Errorf("%+v: waiting for the target is not the generator's lateness", got.Lateness)
	}
}

// Connections are those of the recording, opened again where the server closes them.
func TestConnections(t *testing.T) {
	handler := func(closing bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if closing {
				w.Header().Set("Connection", "close")
			}
			io.WriteString(w, "ok")
		})
	}
	r := newRecording(t, startServer(t, handler(false)).URL)
	for range 3 {
		r.connection(time.Millisecond, get("/a"), get("/b"), get("/c"), get("/d"))
	}
	for closing, want := range map[bool]int{false: 3, true: 12} {
		var mu sync.Mutex
		used := map[net.Conn]bool{}
		server := httptest.NewUnstartedServer(handler(closing))
		server.Config.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateActive { // the probe of the target sends nothing
				mu.Lock()
				used[c] = true
				mu.Unlock()
			}
		}
		server.Start()
		got := runReplay(t, startForwarder(t, r.records), newSettings(address(server)))
		server.Close()
		if !got.Passed || len(used) != want {
			t.Errorf("closing %v: %s, %d connections, want %d", closing, got.Message, len(used), want)
		}
	}
}

func TestIdleConnectionIsReopened(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, "ok") })
	records := newRecording(t, startServer(t, handler).URL).connection(300*time.Millisecond, get("/a"), get("/b")).records
	server := httptest.NewUnstartedServer(handler)
	server.Config.IdleTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	if got := runReplay(t, startForwarder(t, records), newSettings(address(server))); !got.Passed {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

// A target may answer before it has read a large body, and close.
func TestEarlyAnswerToLargeBody(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.ContentLength > 1<<20 {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		io.Copy(w, q.Body)
	})
	server := startServer(t, handler)
	records := newRecording(t, server.URL).connection(time.Millisecond,
		post("/a", "text/plain", strings.Repeat("x", 4<<20)), post("/a", "text/plain", strings.Repeat("x", 1<<20)), get("/b")).records
	got := runReplay(t, startForwarder(t, records), newSettings(address(server)))
	if got.Summary.Requests != 3 || got.Summary.Differing != 0 {
		t.Errorf("%s: %s %+v", got.Reason, got.Message, got.Differences)
	}
}

func TestSkipped(t *testing.T) {
	server := startServer(t, shop("v1", ""))
	records := newRecording(t, server.URL).connection(time.Millisecond, get("/version"), get("/version"), get("/version"), get("/version"), get("/version")).records
	records[0].NotReplayable = true
	records[1].Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_REQUEST_TRUNCATED}
	records[2].Protocol = "opaque"
	records[3].Request.Head = []byte("nonsense")
	settings := newSettings(address(server))
	settings.Ignore = []string{"$.now"}
	got := runReplay(t, startForwarder(t, records), settings)
	if !got.Passed || got.Summary.Requests != 1 || got.Summary.Skipped != 4 {
		t.Errorf("%s: %s %+v", got.Reason, got.Message, got.Summary)
	}
	reasons := map[string]string{}
	for _, s := range got.Skipped {
		reasons[s.Records[0]] = s.Reason
	}
	want := map[string]string{
		records[0].GetId(): "outbound calls that it made may be lost", records[1].GetId(): "incomplete: request_truncated",
		records[2].GetId(): "bytes that follow another protocol", records[3].GetId(): "malformed request",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error(diff)
	}
}

func TestUserGoals(t *testing.T) {
	settings := newSettings(address(startServer(t, shop("v2", ""))))
	settings.LearnNoise = true
	settings.Goals = []wiring.GoalSetting{{Name: "answered", Expression: "summary.failed == 0"}}
	records := recordShop(t, "v1", "")
	if got := runReplay(t, startForwarder(t, records), settings); !got.Passed || got.Summary.Differing == 0 {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
	settings.Goals = append(settings.Goals, wiring.GoalSetting{Name: "few", Expression: "summary.differing < 3"})
	got := runReplay(t, startForwarder(t, records), settings)
	want := "goal few does not hold: summary.differing < 3; 15 of 20 responses differ: GET /version (10), GET /orders/{} (5)"
	if got.Passed || got.Message != want {
		t.Errorf("got %s, want %s", got.Message, want)
	}
}
