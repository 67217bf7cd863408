// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capturetest records, for tests, what real clients and servers say to each other.
package capturetest

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/proxy/capture"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Recording is a proxy that records what its clients, who are told to dial it, say to a server.
type Recording struct {
	// Address is to be dialled in place of the server's.
	Address string

	trafficpb.UnimplementedIngestServer
	t           testing.TB
	recorder    *recorder.Recorder
	connections sync.WaitGroup
	mu          sync.Mutex
	records     []*trafficpb.Record
}

// Start records connections to a server, as those that a workload makes or those that it takes.
func Start(t testing.TB, server string, direction trafficpb.Direction) *Recording {
	t.Helper()
	r := &Recording{t: t, recorder: recorder.New(32 << 20)}
	log := slog.New(slog.DiscardHandler)
	to := netip.MustParseAddrPort(server)
	all, err := selection.New(wiring.NewCaptureSettings("front", []uint16{to.Port()}), "")
	must(t, err)
	tap := &capture.Capture{
		Workload: "front", BodyLimit: 1 << 20, Budget: tee.NewBudget(16 << 20), Recorder: r.recorder, Redactor: redact.NewRandom(),
		Selection: all, Log: log,
	}
	ingest, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	forwarder := grpc.NewServer()
	trafficpb.RegisterIngestServer(forwarder, r)
	go func() { _ = forwarder.Serve(ingest) }()
	t.Cleanup(forwarder.Stop)
	pusher := &recorder.Pusher{Recorder: r.recorder, Log: log, Connect: func() (*grpc.ClientConn, string, error) {
		conn, err := grpc.NewClient(ingest.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		return conn, "token", err
	}}
	go pusher.Run(t.Context())

	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	r.Address = listener.Addr().String()
	go func() {
		for {
			client, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			relay := tap.Outbound
			if direction == trafficpb.Direction_DIRECTION_INBOUND {
				relay = tap.Inbound
			}
			r.connections.Go(func() { relay(t.Context(), client, to) })
		}
	}()
	return r
}

// Push takes the records from the proxy.
func (r *Recording) Push(stream trafficpb.Ingest_PushServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		r.mu.Lock()
		for _, record := range request.GetRecords() {
			r.records = append(r.records, proto.CloneOf(record))
		}
		r.mu.Unlock()
		if err := stream.Send(&trafficpb.PushResponse{Batch: request.GetBatch()}); err != nil {
			return err
		}
	}
}

// End waits until all connections have ended and returns their records, in the order in which they were made.
func (r *Recording) End() []*trafficpb.Record {
	r.t.Helper()
	r.connections.Wait()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	must(r.t, r.recorder.Flush(ctx))
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
