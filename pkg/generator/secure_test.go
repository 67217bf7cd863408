// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// sendAll replays records to a target and returns what differed or failed, and how many requests ended.
func sendAll(t *testing.T, target string, records []*trafficpb.Record) (differing []string, ended int) {
	t.Helper()
	p := &plan{}
	for _, r := range records {
		if reason := obstacle(r); reason != "" {
			t.Fatalf("%s cannot be replayed: %s", r.GetOperation(), reason)
		}
		p.requests = append(p.requests, newRequest(r, "front:9898", target, 1))
	}
	p.schedule(1)
	comparer := &compare.Comparer{Headers: []string{"Content-Type", "Cost", "Grpc-Message"}}
	newEngine(p, 20*time.Second).run(t.Context(), func(r result) {
		ended++
		if r.failure != "" {
			differing = append(differing, r.operation+": "+r.failure)
			return
		}
		for _, d := range comparer.Compare(r.operation, nil, recordedResponse(r.record), r.response, compare.Identity{}).Differences {
			differing = append(differing, fmt.Sprintf("%s: %+v", r.operation, d))
		}
	})
	return differing, ended
}

// TestTLSIsReplayed replays calls of gRPC that were recorded in TLS to a server that speaks nothing else.
func TestTLSIsReplayed(t *testing.T) {
	records := recordGRPC(t, grpctest.Serve(t), "seed")
	for _, r := range records {
		r.Scheme, r.Host = "https", "front"
	}
	certificate, _ := newCertificate(t)
	server := grpctest.Serve(t, grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	if differing, ended := sendAll(t, server, records); ended != 5 || len(differing) > 0 {
		t.Errorf("%d of 5 calls ended; %s", ended, differing)
	}
	for _, r := range records {
		r.Scheme = "http"
	}
	if differing, _ := sendAll(t, server, records); len(differing) == 0 {
		t.Error("a server that speaks TLS alone was replayed to in the clear")
	}
}

// TestTLSOfHTTP1 wants the requests of one recorded connection to go over one connection in TLS, too, to the recorded name.
func TestTLSOfHTTP1(t *testing.T) {
	var connections, named atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.ServerName == "front" && r.TLS.NegotiatedProtocol == "http/1.1" {
			named.Add(1)
		}
		fmt.Fprint(w, "hello")
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	certificate, _ := newCertificate(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	server.StartTLS()
	defer server.Close()
	var records []*trafficpb.Record
	for i := range 3 {
		at := int64(i+1) * int64(20*time.Millisecond)
		records = append(records, &trafficpb.Record{
			Id: "r", Protocol: traffic.ProtocolHTTP1, Direction: trafficpb.Direction_DIRECTION_INBOUND, Connection: "c", Ordinal: uint64(i),
			Workload: "front", Host: "front", Port: 9898, Scheme: "https", Status: 200, Operation: "GET /",
			Request: &trafficpb.Message{Head: []byte("GET / HTTP/1.1\r\nHost: front\r\n\r\n"), FirstByte: at, LastByte: at},
			Response: &trafficpb.Message{
				Head: []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"),
				Body: []byte("hello"), BodyLength: 5, FirstByte: at + 1, LastByte: at + 2,
			},
		})
	}
	differing, ended := sendAll(t, strings.TrimPrefix(server.URL, "https://"), records)
	if ended != 3 || len(differing) > 0 {
		t.Errorf("%d of 3 requests ended; %s", ended, differing)
	}
	if connections.Load() != 1 || named.Load() != 3 {
		t.Errorf("%d connections, %d requests to the name", connections.Load(), named.Load())
	}
}
