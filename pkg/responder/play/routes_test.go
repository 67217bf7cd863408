// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

func TestRoutesKnowServices(t *testing.T) {
	routes := NewRoutes([]wiring.Route{{
		Workload: "back", Names: []string{"back", "back.shop.svc.cluster.local", "10.96.0.7"}, Port: 80, Address: "monday-back.shop.svc:9898",
	}})
	for _, test := range []struct {
		host, address string
		port          uint32
		want          bool
	}{
		{"back", "198.18.0.1", 80, true}, {"Back.shop.svc.cluster.local.", "198.18.0.1", 80, true}, {"", "10.96.0.7", 80, true},
		{"back", "198.18.0.1", 81, false}, {"backer", "198.18.0.1", 80, false}, {"", "10.96.0.8", 80, false},
	} {
		address, ok := routes.find(&trafficpb.TunnelHello{Host: test.host, Address: test.address, Port: test.port})
		if ok != test.want || ok && address != "monday-back.shop.svc:9898" {
			t.Errorf("%+v leads to %q, %v", test, address, ok)
		}
	}
	want := map[string][]uint16{"back": {80, 443}, "back.shop.svc.cluster.local": {80}}
	if diff := cmp.Diff(want, routes.AddPorts(map[string][]uint16{"back": {443}})); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// echo answers each connection with what it sent.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go peer.Serve(listener, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
	return listener.Addr().String()
}

func tunnel(t *testing.T) (client net.Conn, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, accepted.(*net.TCPConn)
}

func TestACallIsLedToACopyAndCounted(t *testing.T) {
	s := &Server{routes: NewRoutes(nil), log: slog.New(slog.DiscardHandler)}
	client, accepted := tunnel(t)
	go s.lead(t.Context(), accepted, echo(t))
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "hello" {
		t.Errorf("read %q, error %v", got, err)
	}
	if taken := s.routes.Taken(); taken != 1 {
		t.Errorf("%d connections are counted", taken)
	}
}

// A copy that is not there is no reason to answer from the recording, or to go anywhere else.
func TestACopyThatCannotBeReachedResets(t *testing.T) {
	s := &Server{routes: NewRoutes(nil), log: slog.New(slog.DiscardHandler)}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	client, accepted := tunnel(t)
	s.lead(context.Background(), accepted, closed.Addr().String())
	if _, err := io.ReadAll(client); err == nil {
		t.Error("the connection ended well")
	}
	if s.routes.Taken() != 0 {
		t.Error("it is counted as one that was led to a copy")
	}
}
