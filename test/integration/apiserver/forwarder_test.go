// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const forwarderToken = "token-of-the-server"

// Names of snapshots and replays that the forwarder knows.
const (
	fullName   = "full"   // has records, or a report
	brokenName = "broken" // breaks off after the first part
)

const snapshotRecords = 1200

// keeper is a gRPC server that answers for the forwarder what the API server asks it.
type keeper struct {
	trafficpb.UnimplementedSnapshotsServer
	trafficpb.UnimplementedReplaysServer
}

// startForwarder runs a keeper on loopback with TLS and returns a connection as the server makes it.
func startForwarder() (grpc.ClientConnInterface, func(), error) {
	manager := certs.NewManager(fake.NewClientset(), certs.Options{
		Namespace: "restage-system", SecretName: "ca", ConfigMapName: "ca", DNSNames: []string{"localhost"},
	})
	if err := manager.Sync(context.Background()); err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{GetCertificate: manager.GetCertificate, MinVersion: tls.VersionTLS13})),
		grpc.StreamInterceptor(requireToken),
	)
	trafficpb.RegisterSnapshotsServer(s, keeper{})
	trafficpb.RegisterReplaysServer(s, keeper{})
	go func() { _ = s.Serve(listener) }()
	connection, err := dial.New(context.Background(), dial.Options{
		Address: fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port),
		CA:      func() ([]byte, error) { return manager.CABundle(), nil },
		Token:   func() (string, error) { return forwarderToken, nil },
	})
	return connection, s.Stop, err
}

func requireToken(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	if got := md.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+forwarderToken {
		return status.Error(codes.Unauthenticated, "no token")
	}
	return handler(srv, stream)
}

// Read sends records whose ids count from 0; every third is outbound.
func (keeper) Read(request *trafficpb.ReadRequest, stream grpc.ServerStreamingServer[trafficpb.ReadResponse]) error {
	ref := request.GetSnapshot()
	if ref.GetNamespace() != namespace || ref.GetUid() == "" {
		return status.Errorf(codes.InvalidArgument, "incomplete reference %v", ref)
	}
	if ref.GetName() != fullName && ref.GetName() != brokenName {
		return status.Error(codes.NotFound, "unknown snapshot")
	}
	skip, left := request.GetOffset(), request.GetLimit()
	for i := range snapshotRecords {
		direction := trafficpb.Direction_DIRECTION_INBOUND
		if i%3 == 2 {
			direction = trafficpb.Direction_DIRECTION_OUTBOUND
		}
		if wanted := request.GetDirection(); wanted != trafficpb.Direction_DIRECTION_UNSPECIFIED && wanted != direction {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if left == 0 {
			break
		}
		left--
		record := &trafficpb.Record{Id: fmt.Sprint(i), Direction: direction, Workload: "front", Host: "back", Port: 9898, Operation: "GET /" + strings.Repeat("x", 100)}
		if err := stream.Send(&trafficpb.ReadResponse{Records: []*trafficpb.Record{record}}); err != nil {
			return err
		}
		if ref.GetName() == brokenName && i == 100 {
			return status.Error(codes.DataLoss, "a file is damaged")
		}
	}
	return nil
}

// GetReport sends a report in two pieces.
func (keeper) GetReport(ref *trafficpb.ObjectRef, stream grpc.ServerStreamingServer[trafficpb.ReportChunk]) error {
	if ref.GetName() != fullName {
		return status.Error(codes.NotFound, "no report")
	}
	for _, piece := range []string{`{"replay":`, fmt.Sprintf("%q}", ref.GetNamespace()+"/"+ref.GetName())} {
		if err := stream.Send(&trafficpb.ReportChunk{Replay: ref, Data: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}
