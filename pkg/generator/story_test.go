// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/responder"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// front is an application that asks back for the price of what it sells.
func front(currency string, dialBack func(context.Context) (net.Conn, error)) http.Handler {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialBack(ctx) },
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quotes/{id}", func(w http.ResponseWriter, q *http.Request) {
		response, err := client.Get("http://back:9898/prices/" + q.PathValue("id") + currency)
		if err != nil {
			http.Error(w, "no price", http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		io.Copy(w, response.Body)
	})
	mux.HandleFunc("GET /healthz", ok)
	return mux
}

func back(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"price":%q}`, q.URL.Path+"?"+q.URL.RawQuery)
}

// recordStory records the calls of front, and those that it makes of back. Then back is gone.
func recordStory(t *testing.T) []*trafficpb.Record {
	t.Helper()
	b := startServer(t, http.HandlerFunc(back))
	defer b.Close()
	outbound := newRecording(t, b.URL)
	inbound := newRecording(t, startServer(t, front("", func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address(b))
	})).URL)
	for i := range 10 {
		inbound.connection(time.Millisecond, get(fmt.Sprintf("/quotes/%d", i)), get("/healthz"))
		outbound.connection(time.Millisecond, fmt.Sprintf("GET /prices/%d HTTP/1.1\r\nHost: back:9898\r\n\r\n", i))
	}
	for _, record := range outbound.records {
		record.Direction, record.Host = trafficpb.Direction_DIRECTION_OUTBOUND, "back"
	}
	return slices.Concat(inbound.records, outbound.records)
}

// isolated is the way out of an isolated workload: into the tunnel of the responder, with every connection counted.
type isolated struct {
	t               *testing.T
	tunnel, control string
	opened          atomic.Uint64
}

func (i *isolated) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", i.tunnel)
	if err != nil {
		return nil, err
	}
	hello, err := proto.Marshal(&trafficpb.TunnelHello{Token: environmentToken, Pod: "r-front-1", Workload: "front", Host: "back", Address: "198.18.0.1", Port: 9898})
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(hello))), hello...))
	i.opened.Add(1)
	i.report()
	return conn, err
}

func (i *isolated) report() {
	n := i.opened.Load()
	putProxy(i.t, "http://"+i.control, control.Proxy{Pod: "r-front-1", Instance: "p", Workload: "front", Attempted: n, Answered: n})
}

// startPlaying runs the real responder with the recording of the forwarder.
func startPlaying(t *testing.T, f *forwarder) *isolated {
	t.Helper()
	dir := t.TempDir()
	settings, err := json.Marshal(wiring.PlaySettings{Snapshot: newSettings("").Snapshot, OnMiss: "Fail", Latency: "None"})
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, f, newSettings("127.0.0.1:1"))
	writeFile(t, filepath.Join(dir, "settings"), settings)
	ctx, stop := context.WithCancel(t.Context())
	listening, ended := make(chan *isolated, 1), make(chan error, 1)
	go func() {
		ended <- responder.Run(ctx, responder.Options{
			Settings: filepath.Join(dir, "settings"), Forwarder: f.address, ForwarderCAFile: f.ca, ForwarderTokenFile: o.ForwarderTokenFile,
			TokenFile: o.EnvironmentTokenFile, TunnelListen: "127.0.0.1:0", ControlListen: "127.0.0.1:0", Log: o.Log,
			Listening: func(tunnel, control net.Addr) {
				listening <- &isolated{t: t, tunnel: tunnel.String(), control: control.String()}
			},
		})
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	select {
	case way := <-listening:
		way.report()
		return way
	case err := <-ended:
		ended <- err
		t.Fatal(err)
		return nil
	}
}

// The dependency is gone; the responder plays it. The same application passes; one that asks for something else does not.
func TestStory(t *testing.T) {
	f := startForwarder(t, recordStory(t))
	// On a machine that is busy with other things a replay can be late, and then it is made again, as a user would.
	const attempts = 10
	replay := func(currency string) (got *report.Report) {
		for range attempts {
			way := startPlaying(t, f)
			settings := newSettings(address(startServer(t, front(currency, way.dial))))
			settings.Control = way.control
			f.reports = nil
			if got = runReplay(t, f, settings); got.Reason != report.ReasonLate {
				break
			}
		}
		return got
	}
	got := replay("")
	if want := "20 requests replayed; every goal holds; 10 of 10 outbound calls matched, 0 connections let out"; !got.Passed || got.Message != want {
		t.Errorf("%s: %s, want %s; %+v", got.Reason, got.Message, want, got.Differences)
	}
	if o := got.Outbound; len(o.Calls) != 1 || o.Calls[0] != (report.OutboundCalls{Key: "back:9898", Exact: 10}) || o.Unused != 0 || o.Untold != 0 {
		t.Errorf("%+v", o)
	}
	if e := got.Summary.Egress; e.Attempted == 0 || e.Attempted != e.Answered || e.Escaped != 0 {
		t.Errorf("%+v", e)
	}

	got = replay("?currency=EUR")
	if want := "10 of 20 responses differ: GET /quotes/{} (10)"; got.Passed || got.Message != want {
		t.Errorf("%s: %s, want %s", got.Reason, got.Message, want)
	}
	// A client may try a lost call again, so there may be more misses than calls.
	o := got.Outbound
	if got.Summary.Matches.Missed < 10 || len(o.Missed) < 10 || o.Unused != 10 || o.Missed[0].Key != "back:9898" ||
		!strings.HasPrefix(o.Missed[0].Operation, "GET /prices/") || o.Missed[0].Explanation == "" {
		t.Errorf("%+v %+v", got.Summary.Matches, o)
	}
}

// In a standing environment the calls of an earlier replay are not those of the next.
func TestStandingEnvironment(t *testing.T) {
	f := startForwarder(t, recordStory(t))
	way := startPlaying(t, f)
	settings := newSettings(address(startServer(t, front("", way.dial))))
	settings.Control = way.control
	for before := range 2 {
		f.reports = nil
		got := runReplay(t, f, settings)
		if got.Summary.Matches.Total != 10 || got.Outbound.Calls[0].Exact != 10 || got.Outbound.Before != int64(10*before) || got.Outbound.Untold != 0 {
			t.Errorf("%s, %+v, %+v", got.Message, got.Summary.Matches, got.Outbound)
		}
	}
}
