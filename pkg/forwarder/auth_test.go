// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// methods are all methods but Push, with the right that each needs.
var methods = map[auth.Access]func(context.Context, *grpc.ClientConn) error{
	{Verb: "get", Resource: "trafficcaptures", Namespace: "shop"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewCapturesClient(conn).Stats(ctx, &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
		return err
	},
	{Verb: "update", Resource: "trafficsnapshots/status", Namespace: "shop", Name: "build"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewSnapshotsClient(conn).Build(ctx, &trafficpb.BuildRequest{Snapshot: ref("build"), Workload: "front", To: 1})
		return err
	},
	{Verb: "update", Resource: "trafficsnapshots/status", Namespace: "shop", Name: "delete"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewSnapshotsClient(conn).Delete(ctx, ref("delete"))
		return err
	},
	{Verb: "get", Resource: "trafficsnapshots/records", Namespace: "shop", Name: "manifest"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewSnapshotsClient(conn).GetManifest(ctx, ref("manifest"))
		return err
	},
	{Verb: "get", Resource: "trafficsnapshots/records", Namespace: "shop", Name: "read"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := trafficpb.NewSnapshotsClient(conn).Read(ctx, &trafficpb.ReadRequest{Snapshot: ref("read")})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	},
	{Verb: "update", Resource: "trafficreplays/report", Namespace: "shop", Name: "put-progress"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewReplaysClient(conn).PutProgress(ctx, &trafficpb.PutProgressRequest{Replay: ref("put-progress"), Progress: &trafficpb.Progress{}})
		return err
	},
	{Verb: "get", Resource: "trafficreplays/report", Namespace: "shop", Name: "get-progress"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewReplaysClient(conn).GetProgress(ctx, ref("get-progress"))
		return err
	},
	{Verb: "update", Resource: "trafficreplays/report", Namespace: "shop", Name: "put-report"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := trafficpb.NewReplaysClient(conn).PutReport(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&trafficpb.ReportChunk{Replay: ref("put-report"), Data: []byte("{}")})
		_, err = stream.CloseAndRecv()
		return err
	},
	{Verb: "get", Resource: "trafficreplays/report", Namespace: "shop", Name: "get-report"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := trafficpb.NewReplaysClient(conn).GetReport(ctx, ref("get-report"))
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	},
	{Verb: "update", Resource: "trafficreplays/log", Namespace: "shop", Name: "append-log"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewReplaysClient(conn).AppendLog(ctx, &trafficpb.AppendLogRequest{Replay: ref("append-log")})
		return err
	},
	{Verb: "get", Resource: "trafficreplays/log", Namespace: "shop", Name: "get-log"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := trafficpb.NewReplaysClient(conn).GetLog(ctx, &trafficpb.GetLogRequest{Replay: ref("get-log")})
		if err != nil {
			return err
		}
		if _, err = stream.Recv(); errors.Is(err, io.EOF) { // it has no lines
			return nil
		}
		return err
	},
	{Verb: "get", Resource: "trafficsnapshots/upload", Namespace: "shop", Name: "get-upload"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewSnapshotsClient(conn).GetUpload(ctx, ref("get-upload"))
		return err
	},
	{Verb: "update", Resource: "trafficsnapshots/upload", Namespace: "shop", Name: "append-upload"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := trafficpb.NewSnapshotsClient(conn).AppendUpload(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&trafficpb.UploadChunk{Snapshot: ref("append-upload"), Workload: "front"})
		_, err = stream.CloseAndRecv()
		return err
	},
	{Verb: "update", Resource: "trafficsnapshots/status", Namespace: "shop", Name: "build-upload"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewSnapshotsClient(conn).BuildUpload(ctx, &trafficpb.BuildUploadRequest{Snapshot: ref("build-upload"), Workload: "front", RedactionKey: make([]byte, 32)})
		return err
	},
	{Verb: "update", Resource: "trafficreplays/report", Namespace: "shop", Name: "delete-report"}: func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := trafficpb.NewReplaysClient(conn).DeleteReport(ctx, ref("delete-report"))
		return err
	},
}

func TestAllMethodsNeedTheirRight(t *testing.T) {
	registered := 0
	for _, service := range []grpc.ServiceDesc{trafficpb.Captures_ServiceDesc, trafficpb.Snapshots_ServiceDesc, trafficpb.Replays_ServiceDesc} {
		registered += len(service.Methods) + len(service.Streams)
	}
	require.Len(t, methods, registered, "a method is not in this test")
	server := forwardertest.Start(t)
	for needed, method := range methods {
		server.Users.Deny = func(_ auth.Identity, access auth.Access) bool { return access == needed }
		err := method(t.Context(), server.DialUser(t, "without "+needed.Name+needed.Resource))
		require.Equal(t, codes.PermissionDenied, status.Code(err), "%v: %v", needed, err)
		require.ErrorContains(t, err, "cannot "+needed.Verb+` resource "`+needed.Resource+`"`)
		require.ErrorContains(t, err, `namespace "shop"`)

		server.Users.Deny = func(_ auth.Identity, access auth.Access) bool { return access != needed }
		err = method(t.Context(), server.DialUser(t, "with "+needed.Name+needed.Resource))
		require.Contains(t, []codes.Code{codes.OK, codes.NotFound, codes.FailedPrecondition}, status.Code(err), "%v: %v", needed, err)
	}
}

func TestAllMethodsNeedAToken(t *testing.T) {
	server := forwardertest.Start(t)
	for needed, method := range methods {
		require.Equal(t, codes.Unauthenticated, status.Code(method(t.Context(), server.Dial(t, "unknown"))), needed)
	}
	require.Equal(t, codes.Unauthenticated, status.Code(push(server.Dial(t, "unknown"), &trafficpb.PushRequest{})))
	require.Equal(t, codes.Unauthenticated, status.Code(push(server.Dial(t, ""), &trafficpb.PushRequest{})))
}

func TestOnlyPodsPush(t *testing.T) {
	server := forwardertest.Start(t)
	batch := &trafficpb.PushRequest{Records: []*trafficpb.Record{call(1, 0, time.Second)}}
	server.Users.Add("account", auth.Identity{User: "system:serviceaccount:shop:default"})
	for _, token := range []*grpc.ClientConn{server.Dial(t, "account"), server.DialUser(t, "admin")} {
		err := push(token, batch)
		require.Equal(t, codes.PermissionDenied, status.Code(err))
		require.ErrorContains(t, err, "bound to a pod")
	}
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
}

func TestObjectsMustBeNamedWell(t *testing.T) {
	server := forwardertest.Start(t)
	client := trafficpb.NewSnapshotsClient(server.DialUser(t, "controller"))
	for field, object := range map[string]*trafficpb.ObjectRef{
		"snapshot.namespace": {Namespace: "..", Name: "a", Uid: "u"},
		"snapshot.name":      {Namespace: "shop", Name: "A/b", Uid: "u"},
		"snapshot.uid":       {Namespace: "shop", Name: "a", Uid: "../../u"},
	} {
		_, err := client.Build(t.Context(), &trafficpb.BuildRequest{Snapshot: object, Workload: "front", To: 1})
		require.Equal(t, codes.InvalidArgument, status.Code(err))
		require.ErrorContains(t, err, field+":")
	}
	_, err := client.Build(t.Context(), &trafficpb.BuildRequest{Snapshot: ref("a"), Workload: "front", From: 5, To: 5})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.ErrorContains(t, err, "to:")
	_, err = client.Build(t.Context(), &trafficpb.BuildRequest{Snapshot: ref("a"), Workload: "..", To: 5})
	require.ErrorContains(t, err, "workload:")
}
