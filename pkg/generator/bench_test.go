// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/report"
)

const benchConnections = 16

// TestMain serves when it is started as the target of a benchmark: in a process of its own, so that its
// processor time is not ours.
func TestMain(m *testing.M) {
	if os.Getenv("RESTAGE_BENCH_TARGET") == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // the benchmark has ended
	}()
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(benchTarget)))
}

func benchTarget(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"answer":"`+strings.Repeat("x", 500)+`"}`)
}

func startBenchTarget(b *testing.B) string {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "RESTAGE_BENCH_TARGET=1")
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		_ = command.Wait()
	})
	var target string
	if _, err := fmt.Fscanln(stdout, &target); err != nil {
		b.Fatal(err)
	}
	return target
}

// newBenchPlan spreads n copies of a recorded request over connections, a gap apart.
func newBenchPlan(b *testing.B, target string, n int, gap time.Duration) *plan {
	b.Helper()
	record := newRecording(b, "http://"+target).connection(0, get("/orders/17?expand=lines")).records[0]
	p := &plan{connections: benchConnections, noise: &compare.Noise{}}
	for i := range n {
		q := newRequest(record, testKey, target, 1)
		q.offset, q.connection = time.Duration(i)*gap, i%benchConnections
		p.requests = append(p.requests, q)
	}
	return p
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail for oneself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// runPlan replays and judges a plan, and reports processor time and rate.
func runPlan(b *testing.B, p *plan) *report.Report {
	settings := newSettings(p.requests[0].target)
	builder := report.NewBuilder(settings, time.Now())
	j := judge{comparer: compare.Comparer{Headers: settings.Headers, Noise: p.noise}, builder: builder}
	e := newEngine(p, 10*time.Second)
	before, begun := cpuTime(), time.Now()
	b.ResetTimer()
	if n := e.run(b.Context(), j.add); n != len(p.requests) {
		b.Fatalf("%d of %d requests ended", n, len(p.requests))
	}
	b.StopTimer()
	measure(b, before, begun, len(p.requests))
	r := builder.Report(time.Now())
	if r.Summary.Failed+r.Summary.Differing > 0 {
		b.Fatalf("%+v", r.Differences)
	}
	return r
}

func measure(b *testing.B, cpu time.Duration, begun time.Time, n int) {
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(n), "cpu-µs/request")
	b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "requests/s")
}

// BenchmarkThroughput sends as fast as the connections allow, and compares every response; BenchmarkPlainClient is a
// loop around net/http that reads the body and nothing else.
func BenchmarkThroughput(b *testing.B) {
	b.ReportAllocs()
	runPlan(b, newBenchPlan(b, startBenchTarget(b), b.N, 0))
}

func BenchmarkPlainClient(b *testing.B) {
	target := "http://" + startBenchTarget(b) + "/orders/17?expand=lines"
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConnections}}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	before, begun := cpuTime(), time.Now()
	b.ResetTimer()
	var running sync.WaitGroup
	for i := range benchConnections {
		running.Go(func() {
			for range (b.N + benchConnections - 1 - i) / benchConnections {
				response, err := client.Get(target)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	running.Wait()
	b.StopTimer()
	measure(b, before, begun, b.N)
}

// BenchmarkPaced sends 1,000 requests a second and tells how late they are.
func BenchmarkPaced(b *testing.B) {
	r := runPlan(b, newBenchPlan(b, startBenchTarget(b), b.N, time.Millisecond))
	b.ReportMetric(1e6*r.Lateness.Released.P50, "late-p50-µs")
	b.ReportMetric(1e6*r.Lateness.Released.P99, "late-p99-µs")
	b.ReportMetric(1e6*r.Lateness.Released.Max, "late-max-µs")
	b.ReportMetric(100*float64(r.Lateness.Late)/float64(r.Lateness.Sends), "late-%")
}

// BenchmarkPacer is the cost of releasing one request that is due.
func BenchmarkPacer(b *testing.B) {
	offsets := make([]time.Duration, b.N)
	released := 0
	b.ReportAllocs()
	b.ResetTimer()
	newPacer(time.Now()).runLocked(b.Context(), offsets, func(int) { released++ })
	if released != b.N {
		b.Fatalf("released %d of %d", released, b.N)
	}
}
