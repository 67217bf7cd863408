// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/exposition/expositiontest"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/responder/outcome"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

func (e *environment) stats() control.Stats {
	e.t.Helper()
	var s control.Stats
	if code := e.call(http.MethodGet, "/v1/stats", environmentToken, nil, &s); code != http.StatusOK {
		e.t.Fatalf("stats: status %d", code)
	}
	return s
}

func (e *environment) outcomes(after uint64) outcome.Page {
	e.t.Helper()
	var p outcome.Page
	if code := e.call(http.MethodGet, fmt.Sprintf("/v1/outcomes?after=%d", after), environmentToken, nil, &p); code != http.StatusOK {
		e.t.Fatalf("outcomes: status %d", code)
	}
	return p
}

func TestControlNeedsTheToken(t *testing.T) {
	e := playing(t, defaultSettings())
	for _, token := range []string{"", "wrong", environmentToken + "x", strings.ToUpper(environmentToken)} {
		for _, path := range []string{"/v1/names", "/v1/stats", "/v1/outcomes"} {
			if code := e.call(http.MethodGet, path, token, nil); code != http.StatusUnauthorized {
				t.Errorf("%s with token %q: status %d", path, token, code)
			}
		}
		if code := e.call(http.MethodPut, "/v1/proxies/p", token, []byte(`{"instance":"i"}`)); code != http.StatusUnauthorized {
			t.Errorf("PUT with token %q: status %d", token, code)
		}
	}
	if code := e.call(http.MethodGet, "/livez", "", nil); code != http.StatusOK {
		t.Errorf("/livez: status %d", code)
	}
}

func TestTunnelNeedsTheToken(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), get("/get"))...)
	for i, hello := range []*trafficpb.TunnelHello{
		{Token: "wrong", Host: "back", Port: backPort}, {Host: "back", Port: backPort}, {Token: environmentToken, Host: "back"},
		{Token: environmentToken, Port: backPort}, {Token: strings.Repeat("x", 9<<10), Host: "back", Port: backPort},
	} {
		conn := e.dialWith(hello)
		if all, _ := io.ReadAll(conn); len(all) > 0 {
			t.Errorf("hello %v: answer %q", hello, all)
		}
		eventually(t, "it is counted", func() bool { return e.stats().Rejected == int64(i+1) })
	}
	if s := e.stats(); s.Matches.Total != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestNotReadyUntilLoaded(t *testing.T) {
	records := record(t, httpbin.New(), get("/get?n=1"), get("/get?n=2"))
	s := serveSnapshot(t, records)
	s.failures.Store(2) // in the middle: what was read must not count twice
	e := start(t, s, defaultSettings())
	if code := e.call(http.MethodGet, "/readyz", "", nil); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz: status %d before the recording is loaded", code)
	}
	if code := e.call(http.MethodGet, "/v1/names", environmentToken, nil); code != http.StatusServiceUnavailable {
		t.Errorf("/v1/names: status %d before the recording is loaded", code)
	}
	e.waitReady()
	if unused := e.stats().Unused; unused != 2 {
		t.Errorf("%d records, want 2", unused)
	}
	var names struct{ Ports map[string][]uint16 }
	e.call(http.MethodGet, "/v1/names", environmentToken, nil, &names)
	if len(names.Ports) != 1 || len(names.Ports["back"]) != 1 {
		t.Errorf("names %+v", names)
	}
}

func TestOnlyTheChosenMocksAreLoaded(t *testing.T) {
	records := record(t, httpbin.New(), get("/get?n=1"), get("/get?n=2"))
	records[1].Host = "other"
	settings := defaultSettings()
	settings.Mocks = []string{"other:9898"}
	if unused := playing(t, settings, records...).stats().Unused; unused != 1 {
		t.Errorf("%d records, want 1", unused)
	}
}

func TestProxyCounters(t *testing.T) {
	e := playing(t, defaultSettings())
	if proxies := e.stats().Proxies; proxies == nil || len(proxies) > 0 {
		t.Errorf("proxies %v, want an empty list", proxies)
	}
	first, second := ulid.Make().String(), ulid.Make().String()
	for _, body := range []string{
		fmt.Sprintf(`{"instance":%q,"podIP":"10.1.2.3","workload":"front","attempted":1,"answered":1,"refused":0}`, first),
		fmt.Sprintf(`{"instance":%q,"podIP":"10.1.2.3","workload":"front","attempted":4,"answered":3,"refused":1,"refusedNames":["evil.example"]}`, first),
		fmt.Sprintf(`{"instance":%q,"podIP":"10.1.2.3","workload":"front","attempted":2,"answered":1,"refused":0,"refusedNames":[]}`, second),
	} {
		if code := e.call(http.MethodPut, "/v1/proxies/front-1", environmentToken, []byte(body)); code != http.StatusNoContent {
			t.Fatalf("status %d", code)
		}
	}
	proxies := e.stats().Proxies
	if len(proxies) != 2 || proxies[0].Instance != first || proxies[0].Attempted != 4 || proxies[0].Pod != "front-1" ||
		!slices.Equal(proxies[0].RefusedNames, []string{"evil.example"}) || proxies[1].Attempted != 2 {
		t.Errorf("proxies %+v", proxies)
	}
	metrics := e.metrics()
	expositiontest.Check(t, []byte(metrics), "restage_responder_", nil, "Responders")
	for _, want := range []string{
		"\nrestage_responder_loaded 1\n", "\nrestage_responder_proxies 2\n",
		"\nrestage_responder_egress_connections_total{result=\"answered\"} 4\n", "\nrestage_responder_egress_connections_total{result=\"refused\"} 1\n",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%q is not in the metrics: %s", want, metrics)
		}
	}
	for body, want := range map[string]int{
		`{`:                http.StatusBadRequest,
		`{"attempted":-1}`: http.StatusBadRequest,
		`{}`:               http.StatusUnprocessableEntity,
		`{"instance":"i","attempted":1,"answered":1,"refused":1}`:                   http.StatusUnprocessableEntity,
		`{"instance":"` + strings.Repeat("i", 5<<20) + `"}`:                         http.StatusBadRequest,
		`{"instance":"i","refusedNames":[` + strings.Repeat(`"a",`, 1001) + `"a"]}`: http.StatusUnprocessableEntity,
	} {
		if code := e.call(http.MethodPut, "/v1/proxies/p", environmentToken, []byte(body)); code != want {
			t.Errorf("%.40s: status %d, want %d", body, code, want)
		}
	}
}

// metrics needs no token.
func (e *environment) metrics() string {
	answer, err := http.Get("http://" + e.control + "/metrics")
	must(e.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(e.t, err)
	return string(text)
}

func TestOutcomesComeInPages(t *testing.T) {
	requests := []string{get("/get?n=1"), get("/get?n=2"), get("/get?n=3")}
	records := record(t, httpbin.New(), requests...)
	e := playing(t, defaultSettings(), records...)
	client := e.client()
	for n := range 3 {
		response, err := client.Get(fmt.Sprintf("http://back:9898/get?n=%d", n+1))
		must(t, err)
		must(t, response.Body.Close())
	}
	var after uint64
	for n := range 3 {
		var p outcome.Page
		e.call(http.MethodGet, fmt.Sprintf("/v1/outcomes?after=%d&limit=1", after), environmentToken, nil, &p)
		if len(p.Outcomes) != 1 || p.Outcomes[0].Sequence != uint64(n+1) || p.Outcomes[0].Record != records[n].GetId() || p.Outcomes[0].Time.IsZero() {
			t.Errorf("page %d: %+v", n, p)
		}
		after = p.Next
	}
	if p := e.outcomes(after); len(p.Outcomes) != 0 || p.Next != 3 {
		t.Errorf("last page %+v", p)
	}
	for _, query := range []string{"after=x", "after=-1", "limit=0", "limit=10001"} {
		if code := e.call(http.MethodGet, "/v1/outcomes?"+query, environmentToken, nil); code != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, code)
		}
	}
}

func TestStoppingIsQuick(t *testing.T) {
	e := playing(t, defaultSettings(), failed(t, "/timeout", "timeout"))
	conn := e.dial("back", "198.18.0.1", backPort)
	_, err := io.WriteString(conn, get("/timeout"))
	must(t, err)
	eventually(t, "the call is held", func() bool { return e.stats().Matches.Exact == 1 })
	start := time.Now()
	e.stop()
	err = <-e.done
	e.done <- err
	if took := time.Since(start); err != nil || took > time.Second {
		t.Errorf("it took %v and ended with %v", took, err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
}

func TestBadSettingsNameTheField(t *testing.T) {
	for _, c := range []struct {
		change func(*wiring.PlaySettings)
		want   string
	}{
		{func(s *wiring.PlaySettings) { s.Snapshot.UID = "" }, "snapshot: namespace, name and uid are required"},
		{func(s *wiring.PlaySettings) { s.Mocks = []string{"back:1", "back"} }, `mocks[1]: "back" is not host:port`},
		{func(s *wiring.PlaySettings) { s.OnMiss = "Pass" }, `onMiss: "Pass", allowed are Fail and Status`},
		{func(s *wiring.PlaySettings) { s.OnMiss, s.MissStatus = "Status", 101 }, "missStatus: 101, allowed are 200 to 599"},
		{func(s *wiring.PlaySettings) { s.Latency = "" }, `latency: "", allowed are Recorded and None`},
	} {
		s := defaultSettings()
		c.change(&s)
		if err := validate(&s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := readSettings(writeFile(t, "s", []byte(`{"onmis":"Fail"}`))); err == nil || !strings.Contains(err.Error(), "onmis") {
		t.Errorf("an unknown field: %v", err)
	}
	if _, err := readSettings(writeFile(t, "s", make([]byte, longestSettings+1))); err == nil {
		t.Error("settings that are too long are read")
	}
	if _, err := readToken(writeFile(t, "t", []byte("short\n"))); err == nil || !strings.Contains(err.Error(), "allowed are 16 to 4096") {
		t.Errorf("a short token: %v", err)
	}
	if err := Run(context.Background(), Options{}); err == nil || !strings.Contains(err.Error(), "forwarder") {
		t.Errorf("no forwarder: %v", err)
	}
}
