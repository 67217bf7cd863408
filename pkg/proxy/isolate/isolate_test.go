// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/test/peer"
)

// responder is what an isolated pod may reach: it greets each tunnel with its hello, and keeps the counters.
type responder struct {
	t       *testing.T
	tunnel  net.Listener
	control *httptest.Server
	handle  func(net.Conn) // what is said after the hello; nil: the hello, and then all that comes

	mu     sync.Mutex
	report report
}

func newResponder(t *testing.T) *responder {
	t.Helper()
	tunnel, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{t: t, tunnel: tunnel}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/names", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ports":{"back":[9898],"api.example.com":[443]}}`)
	})
	mux.HandleFunc("PUT /v1/proxies/front-1", r.put)
	r.control = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, q)
	}))
	t.Cleanup(func() { r.control.Close(); tunnel.Close() })
	go peer.Serve(tunnel, r.serve)
	return r
}

func (r *responder) put(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.NewDecoder(q.Body).Decode(&r.report); err != nil {
		r.t.Error(err)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *responder) serve(conn net.Conn) {
	var size [2]byte
	_, _ = io.ReadFull(conn, size[:])
	data := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, _ = io.ReadFull(conn, data)
	var hello trafficpb.TunnelHello
	if err := proto.Unmarshal(data, &hello); err != nil {
		r.t.Error(err)
	}
	if r.handle != nil {
		r.handle(conn)
		return
	}
	answer, _ := json.Marshal(&hello)
	_, _ = conn.Write(append(answer, '\n'))
	_, _ = io.Copy(conn, conn)
}

// await waits for counters.
func (r *responder) await(what string, match func(report) bool) report {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		r.mu.Lock()
		got := r.report
		r.mu.Unlock()
		if match(got) {
			return got
		}
		select {
		case <-ticker.C:
		case <-deadline:
			r.t.Fatalf("gave up waiting for %s, have %+v", what, got)
		}
	}
}

// start runs a proxy whose connections were all going to an address.
func start(t *testing.T, r *responder, to func() netip.AddrPort) (proxy *Isolate, address string, stop func()) {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy = New(Settings{
		Pod: "front-1", PodIP: "10.1.2.3", Workload: "front", TokenFile: token, SearchDomains: []string{"shop.svc.cluster.local", "svc.cluster.local"},
		Responder: netip.MustParseAddrPort(r.tunnel.Addr().String()), Control: netip.MustParseAddrPort(r.control.Listener.Addr().String()),
	}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := &relay.Listener{
		TCPListener: listener, Handle: proxy.Outbound, Log: proxy.log,
		OriginalDestination: func(*net.TCPConn) (netip.AddrPort, error) { return to(), nil },
	}
	var running sync.WaitGroup
	running.Go(func() { _ = l.Serve(ctx) })
	running.Go(func() { proxy.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return proxy, listener.Addr().String(), stop
}

func TestTunnel(t *testing.T) {
	r := newResponder(t)
	var proxy *Isolate
	var ready sync.WaitGroup
	ready.Add(1)
	proxy, address, stop := start(t, r, func() netip.AddrPort {
		ready.Wait()
		addr, _ := proxy.names.Address("back")
		return netip.AddrPortFrom(addr, 9898)
	})
	ready.Done()
	r.await("the first report", func(got report) bool { return got.Instance == proxy.instance })
	r.await("being ready", func(report) bool { return proxy.Ready() })
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "ping")
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	var hello trafficpb.TunnelHello
	decoder := json.NewDecoder(bytes.NewReader(answer))
	if err := decoder.Decode(&hello); err != nil {
		t.Fatal(err)
	}
	if hello.GetToken() != "secret" || hello.GetPod() != "front-1" || hello.GetWorkload() != "front" || hello.GetHost() != "back" ||
		hello.GetAddress() != "198.18.0.1" || hello.GetPort() != 9898 || len(hello.GetConnection()) != 26 {
		t.Errorf("hello: %v", &hello)
	}
	if !slices.Equal(answer[len(answer)-4:], []byte("ping")) {
		t.Errorf("answer: %q", answer)
	}
	got := r.await("the counters", func(got report) bool { return got.Answered == 1 })
	if got.Attempted != 1 || got.Refused != 0 || got.PodIP != "10.1.2.3" || got.Workload != "front" || got.RefusedNames == nil {
		t.Errorf("report: %+v", got)
	}

	// Without the responder the connection is reset, and counted.
	r.tunnel.Close()
	conn, err = net.Dial("tcp", address)
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("without the responder: %v, want a reset", err)
	}
	stop()
	if got := r.await("the last counters", func(report) bool { return true }); got.Attempted != 2 || got.Answered != 1 || got.Refused != 1 {
		t.Errorf("report: %+v", got)
	}
}

// A pod is ready only while its responder answers, and is so again once there is another at the same address.
func TestReadyWhileTheResponderAnswers(t *testing.T) {
	r := newResponder(t)
	proxy, _, _ := start(t, r, func() netip.AddrPort { return netip.AddrPort{} })
	ready := func(want bool) func(report) bool { return func(report) bool { return proxy.Ready() == want } }
	r.await("being ready", ready(true))
	address, handler := r.control.Listener.Addr().String(), r.control.Config.Handler
	r.control.Close()
	r.await("not being ready", ready(false))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	next := &http.Server{Handler: handler}
	t.Cleanup(func() { next.Close() })
	go next.Serve(listener)
	r.await("being ready again", ready(true))
}
