// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// recordGRPC makes records of all calls on one connection to a server.
func recordGRPC(t *testing.T, server string, seed string) []*trafficpb.Record {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var records []*trafficpb.Record
	budget := tee.NewBudget(16 << 20)
	requests, responses := tee.NewReader(tee.NewStream(budget, 4<<20, nil)), tee.NewReader(tee.NewStream(budget, 4<<20, nil))
	done := make(chan struct{})
	conversation := http2.NewConversation(requests, responses, http2.Options{
		HeadLimit: 1 << 16,
		Limits:    func(*http2.Exchange) http1.Limits { return http1.Limits{Head: 1 << 16, Body: 1 << 20} },
		Split:     func(*http2.Exchange, *http1.Message) http2.Splitter { return &grpc.Splitter{} },
		Lost:      func(_ *http2.Exchange, err error) { t.Errorf("lost: %v", err) },
		Done: func(x *http2.Exchange) {
			r := &trafficpb.Record{
				Id: "r", Protocol: "grpc", Direction: trafficpb.Direction_DIRECTION_INBOUND, Connection: "c", Ordinal: x.Ordinal, Stream: x.Stream,
				Workload: "front", Port: 9898, Status: uint32(x.Response.Message.Status), GrpcStatus: uint32(grpc.Status(x.Response.Message)),
			}
			half := func(h *http2.Half) *trafficpb.Message {
				m := h.Message
				out := &trafficpb.Message{
					Head: m.Head, Body: m.Body, BodyLength: m.BodyLength, BodySha256: m.BodySHA256, FirstByte: h.First, LastByte: h.Last,
					Trailers: h.Trailers,
				}
				if s, ok := h.Parts.(*grpc.Splitter); ok {
					out.Pieces = s.Pieces(len(m.Body))
				}
				return out
			}
			r.Request, r.Response = half(&x.Request), half(&x.Response)
			r.Operation = x.Request.Message.Method + " " + x.Request.Message.Target
			records = append(records, r)
		},
	})
	go func() {
		defer close(done)
		client, err := listener.AcceptTCP()
		if err != nil {
			return
		}
		back, err := net.Dial("tcp", server)
		if err != nil {
			t.Error(err)
			return
		}
		ended := make(chan error, 1)
		go func() { ended <- conversation.Requests() }()
		answers := make(chan error, 1)
		go func() { answers <- conversation.Responses() }()
		relay.Run(client, back.(*net.TCPConn), requests.Stream(), responses.Stream(), &relay.Traffic{})
		conversation.Finish(<-ended, <-answers)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var conn net.Conn
	client := grpctest.Client(t, "front", func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		var err error
		conn, err = d.DialContext(ctx, "tcp", listener.Addr().String())
		return conn, err
	})
	if _, err := grpctest.CallAll(ctx, client, seed); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-done
	return records
}

// TestGRPCIsReplayed replays the calls of a recorded connection to the real server: streams, trailers and statuses are the same.
func TestGRPCIsReplayed(t *testing.T) {
	server := grpctest.Serve(t)
	records := recordGRPC(t, server, "seed")
	if len(records) != 5 {
		t.Fatalf("%d records", len(records))
	}
	if differing, ended := sendAll(t, server, records); ended != 5 || len(differing) > 0 {
		t.Errorf("%d of 5 calls were replayed; %s", ended, differing)
	}
	// A status that changed is a difference.
	m, comparer := recordedResponse(records[0]), &compare.Comparer{}
	changed := *m
	changed.Trailers = []http1.Header{{Name: "grpc-status", Value: "13"}}
	got := comparer.Compare("op", nil, m, &changed, compare.Identity{})
	if len(got.Differences) == 0 || got.Differences[0].Field != "grpc-status" || got.Differences[0].Recorded != codes.OK.String() {
		t.Errorf("differences %+v", got.Differences)
	}
}

// Where the snapshot has the types of messages, differences and rules have the names of fields.
func TestFieldsHaveNames(t *testing.T) {
	server := grpctest.Serve(t)
	records := recordGRPC(t, server, "seed")
	for i, r := range records {
		r.Id = fmt.Sprint("r", i)
	}
	first := records[0].GetResponse()
	first.Body = bytes.Replace(first.GetBody(), []byte("echo seed"), []byte("echo SEED"), 1)
	sum := sha256.Sum256(first.GetBody())
	first.BodySha256 = sum[:]
	key := traffic.SliceKey(records[0])
	for name, c := range map[string]struct {
		set    []byte
		ignore []string
		want   []string
	}{
		"without types":      {nil, nil, []string{"$[0].1.2"}},
		"rule without types": {nil, []string{"$.payload"}, []string{"$[0].1.2"}},
		"types":              {grpctest.DescriptorSet(t), nil, []string{"$[0].payload.body"}},
		"another name":       {grpctest.DescriptorSet(t), []string{"$.username"}, []string{"$[0].payload.body"}},
		"rule":               {grpctest.DescriptorSet(t), []string{"$.payload.body"}, nil},
		"rule by number":     {grpctest.DescriptorSet(t), []string{"$[*].1"}, nil},
	} {
		f := startForwarder(t, records)
		f.manifest.DescriptorSet = c.set
		settings := newSettings(server)
		settings.Tests, settings.Ignore = []wiring.TestTarget{{Key: key, Address: server}}, c.ignore
		got := runReplay(t, f, settings)
		var fields []string
		for _, d := range got.Differences {
			fields = append(fields, d.Field)
		}
		if diff := cmp.Diff(c.want, fields); diff != "" || got.Summary.Requests != 5 {
			t.Errorf("%s: %s: %s, differences %s", name, got.Reason, got.Message, diff)
		}
	}
}
