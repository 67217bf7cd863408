// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const benchAnswer = `{"id":7,"items":[{"sku":"tea","n":2}],"total":"12.50"}`

// BenchmarkLoopback sends the same calls over as many connections as there are processors to the responder with 10,000 records, and
// to a net/http server that always answers the same.
func BenchmarkLoopback(b *testing.B) {
	constant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, benchAnswer)
	}))
	defer constant.Close()
	const calls = 10_000
	requests := make([]string, calls)
	records := make([]*trafficpb.Record, calls)
	for i := range requests {
		requests[i] = post(fmt.Sprintf("/orders?user=%d", i), "application/json", `{"items":[{"sku":"tea","n":2},{"sku":"cup","n":1}],"city":"York"}`)
		m, err := http1.ReadRequest(bufio.NewReader(strings.NewReader(requests[i])), http1.Limits{Head: 1 << 16, Body: 1 << 20})
		must(b, err)
		records[i] = newRecord("back", m)
		records[i].Response = &trafficpb.Message{
			Head: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n\r\n", len(benchAnswer)),
			Body: []byte(benchAnswer), BodyLength: int64(len(benchAnswer)),
		}
	}
	e := playing(b, defaultSettings(), records...)
	var rates [2]float64
	b.Run("nethttp", func(b *testing.B) {
		rates[0] = drive(b, requests, 200, func() net.Conn {
			conn, err := net.Dial("tcp", constant.Listener.Addr().String())
			must(b, err)
			return conn
		})
	})
	b.Run("responder", func(b *testing.B) {
		rates[1] = drive(b, requests, 200, func() net.Conn { return e.dial("back", "198.18.0.1", backPort) })
		if rates[0] > 0 {
			b.ReportMetric(rates[1]/rates[0], "x-nethttp")
		}
	})
	if missed := e.stats().Matches.Missed; missed > 0 {
		b.Errorf("%d missed", missed)
	}
}

// drive returns the calls per second. The client, which is the same for both servers, costs more than either of them.
func drive(b *testing.B, requests []string, want int, dial func() net.Conn) float64 {
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		conn := dial()
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for pb.Next() {
			if _, err := io.WriteString(conn, requests[int(next.Add(1))%len(requests)]); err != nil {
				b.Error(err)
				return
			}
			response, err := http1.ReadResponse(reader, "POST", http1.Limits{Head: 1 << 16, Body: 1 << 20})
			if err != nil || response.Status != want {
				b.Errorf("answer %v, %v", response, err)
				return
			}
		}
	})
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "calls/s")
	return rate
}
