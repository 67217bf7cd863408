// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func post(target, kind, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: back:9898\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", target, kind, len(body), body)
}

// TestAnswersAreTheRecordedBytes records a real server and reads the same bytes from the responder, on one connection.
func TestAnswersAreTheRecordedBytes(t *testing.T) {
	requests := []string{
		get("/get?a=1&b=2"), get("/status/503"), get("/status/204"), get("/stream/3"), get("/gzip"), get("/redirect/1"), get("/bytes/70000?seed=1"),
		post("/post", "application/json", `{"a":[1,2]}`), post("/post", "application/x-www-form-urlencoded", "a=1"),
		"HEAD /get?a=1 HTTP/1.1\r\nHost: back:9898\r\n\r\n",
	}
	records := record(t, httpbin.New(), requests...)
	e := playing(t, defaultSettings(), records...)
	conn := e.dial("back", "198.18.0.1", backPort)
	reader := bufio.NewReader(conn)
	for i, raw := range requests {
		_, err := conn.Write([]byte(raw))
		must(t, err)
		method, _, _ := strings.Cut(raw, " ")
		got, err := http1.ReadResponse(reader, method, http1.Limits{Head: 1 << 16, Body: 1 << 20})
		must(t, err)
		want := records[i].GetResponse()
		if !bytes.Equal(got.Head, want.GetHead()) || !bytes.Equal(got.Body, want.GetBody()) {
			t.Errorf("%.40q: answer\n%s\nrecorded\n%s", raw, got.Head, want.GetHead())
		}
	}
	if s := e.stats(); s.Matches.Exact != int64(len(requests)) || s.Matches.Total != s.Matches.Exact || s.Unused != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	const n = 50
	var requests []string
	for i := range n {
		requests = append(requests, get(fmt.Sprintf("/get?n=%d", i)))
	}
	e := playing(t, defaultSettings(), record(t, httpbin.New(), requests...)...)
	conn := e.dial("back", "198.18.0.1", backPort)
	_, err := conn.Write([]byte(strings.Join(requests, "")))
	must(t, err)
	reader := bufio.NewReader(conn)
	for i := range n {
		response, err := http1.ReadResponse(reader, "GET", http1.Limits{Head: 1 << 16, Body: 1 << 20})
		must(t, err)
		if want := fmt.Sprintf("n=%d", i); !bytes.Contains(response.Body, []byte(want)) {
			t.Errorf("answer %d lacks %q", i, want)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), post("/post", "text/plain", "body"))...)
	conn := e.dial("back", "198.18.0.1", backPort)
	_, err := io.WriteString(conn, "POST /post HTTP/1.1\r\nHost: back:9898\r\nExpect: 100-continue\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n")
	must(t, err)
	interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	_, err = io.ReadFull(conn, interim)
	must(t, err)
	if !bytes.HasPrefix(interim, []byte("HTTP/1.1 100 ")) {
		t.Fatalf("interim answer %q", interim)
	}
	_, err = io.WriteString(conn, "body")
	must(t, err)
	response, err := http1.ReadResponse(bufio.NewReader(conn), "POST", http1.Limits{Head: 1 << 16, Body: 1 << 20})
	must(t, err)
	if response.Status != http.StatusOK {
		t.Errorf("status %d", response.Status)
	}
}

// TestConnectionsEndWhereTheRecordedEnded covers "Connection: close" of either side and bodies that end with the connection.
func TestConnectionsEndWhereTheRecordedEnded(t *testing.T) {
	closing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "body of "+r.URL.Path)
		if r.URL.Path == "/raw" {
			w.(http.Flusher).Flush() // without a length, HTTP/1.0 ends the body with the connection
		}
	})
	asked := "GET /asked HTTP/1.1\r\nHost: back:9898\r\nConnection: close\r\n\r\n"
	raw := "GET /raw HTTP/1.0\r\nHost: back:9898\r\n\r\n"
	records := record(t, closing, get("/close"), asked, raw)
	e := playing(t, defaultSettings(), records...)
	for i, request := range []string{get("/close"), asked, raw} {
		conn := e.dial("back", "198.18.0.1", backPort)
		_, err := io.WriteString(conn, request)
		must(t, err)
		all, err := io.ReadAll(conn)
		must(t, err)
		if want := append(bytes.Clone(records[i].GetResponse().GetHead()), records[i].GetResponse().GetBody()...); !bytes.Equal(all, want) {
			t.Errorf("%.20q: %q, want %q", request, all, want)
		}
	}
}

func TestMissFailsTheConnection(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), get("/get?page=1"))...)
	_, err := e.client().Get("http://back:9898/get?page=2")
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
	page := e.outcomes(0)
	if len(page.Outcomes) != 1 || page.Outcomes[0].Tier != "Missed" || page.Outcomes[0].Operation != "GET /get" || page.Outcomes[0].Key != "back:9898" ||
		!strings.Contains(page.Outcomes[0].Explanation, `query.page: "2", recorded "1"`) {
		t.Errorf("outcomes %+v", page)
	}
	if s := e.stats(); s.Matches.Missed != 1 || s.Matches.Total != 1 || s.Unused != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestMissAnswersWithAStatus(t *testing.T) {
	settings := defaultSettings()
	settings.OnMiss, settings.MissStatus = "Status", 418
	e := playing(t, settings, record(t, httpbin.New(), get("/get"))...)
	conn := e.dial("back", "198.18.0.1", backPort)
	reader := bufio.NewReader(conn)
	for _, step := range []struct {
		method, request string
		want            int
	}{{"GET", get("/unknown"), 418}, {"HEAD", "HEAD /get HTTP/1.1\r\nHost: back:9898\r\n\r\n", 418}, {"GET", get("/get"), 200}} {
		_, err := io.WriteString(conn, step.request)
		must(t, err)
		response, err := http1.ReadResponse(reader, step.method, http1.Limits{Head: 1 << 16, Body: 1 << 20})
		must(t, err)
		if response.Status != step.want || (response.Get("Restage-Match") == "Missed") != (step.want == 418) {
			t.Errorf("%.30q: %s", step.request, response.Head)
		}
	}
}

func TestRecordedFailures(t *testing.T) {
	slow := failed(t, "/timeout", "timeout")
	e := playing(t, defaultSettings(), failed(t, "/refused", "connect: connection refused"), failed(t, "/reset", "reset"), failed(t, "/eof", "eof"), slow)
	for _, path := range []string{"/refused", "/reset"} {
		if _, err := e.client().Get("http://back:9898" + path); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: error %v, want a reset", path, err)
		}
	}
	conn := e.dial("back", "198.18.0.1", backPort)
	_, err := io.WriteString(conn, get("/eof"))
	must(t, err)
	if all, err := io.ReadAll(conn); err != nil || len(all) > 0 {
		t.Errorf("/eof: %q, %v, want the end", all, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://back:9898/timeout", nil)
	must(t, err)
	if _, err := e.client().Do(request); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("/timeout: error %v, want none before the client gives up", err)
	}
	if s := e.stats(); s.Matches.Exact != 4 || s.Matches.Missed != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestTimeoutEndsAfterTheRecordedTime(t *testing.T) {
	r := failed(t, "/timeout", "timeout")
	r.Request.LastByte, r.Response = 1000, &trafficpb.Message{LastByte: 1000 + int64(50*time.Millisecond)}
	e := playing(t, defaultSettings(), r)
	conn := e.dial("back", "198.18.0.1", backPort)
	start := time.Now()
	_, err := io.WriteString(conn, get("/timeout"))
	must(t, err)
	if all, err := io.ReadAll(conn); err != nil || len(all) > 0 {
		t.Errorf("%q, %v, want the end", all, err)
	}
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestLatencyIsTheRecordedOne(t *testing.T) {
	const recorded = 80 * time.Millisecond
	records := record(t, httpbin.New(), get("/get"))
	records[0].Response.FirstByte = records[0].Request.LastByte + int64(recorded)
	for latency, check := range map[string]func(time.Duration) bool{
		"Recorded": func(took time.Duration) bool { return took >= recorded },
		"None":     func(took time.Duration) bool { return took < recorded },
	} {
		settings := defaultSettings()
		settings.Latency = latency
		client := playing(t, settings, records...).client()
		start := time.Now()
		response, err := client.Get("http://back:9898/get")
		must(t, err)
		must(t, response.Body.Close())
		if took := time.Since(start); !check(took) {
			t.Errorf("latency %s: the answer took %v", latency, took)
		}
	}
}

func TestConcurrentClientsTakeTheSequenceOnce(t *testing.T) {
	const n, callers = 200, 10
	var served int
	counter := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, served)
		served++
	})
	requests := make([]string, n)
	for i := range requests {
		requests[i] = get("/next")
	}
	e := playing(t, defaultSettings(), record(t, counter, requests...)...)
	var mu sync.Mutex
	seen := map[string]int{}
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			client := e.client()
			for range n / callers {
				response, err := client.Get("http://back:9898/next")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[string(body)]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(seen) != n {
		t.Errorf("%d different answers, want %d", len(seen), n)
	}
	if page := e.outcomes(0); len(page.Outcomes) != n || page.Next != n {
		t.Errorf("%d outcomes, next %d", len(page.Outcomes), page.Next)
	}
}

func TestMalformedRequestIsAMiss(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), get("/get"))...)
	conn := e.dial("back", "198.18.0.1", backPort)
	_, err := io.WriteString(conn, "GET /get HTTP/1.1\r\nHost : back\r\n\r\n")
	must(t, err)
	if _, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
	if page := e.outcomes(0); len(page.Outcomes) != 1 || !strings.Contains(page.Outcomes[0].Explanation, "could not be read") {
		t.Errorf("outcomes %+v", page)
	}
}
