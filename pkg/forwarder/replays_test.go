// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func putReport(t *testing.T, conn *grpc.ClientConn, replay *trafficpb.ObjectRef, pieces ...[]byte) error {
	stream, err := trafficpb.NewReplaysClient(conn).PutReport(t.Context())
	require.NoError(t, err)
	for n, piece := range pieces {
		chunk := &trafficpb.ReportChunk{Data: piece}
		if n == 0 {
			chunk.Replay = replay
		}
		if err := stream.Send(chunk); err != nil {
			break // the answer says why
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

func getReport(t *testing.T, conn *grpc.ClientConn, replay *trafficpb.ObjectRef) ([]byte, error) {
	stream, err := trafficpb.NewReplaysClient(conn).GetReport(t.Context(), replay)
	require.NoError(t, err)
	var report []byte
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return report, nil
		}
		if err != nil {
			return nil, err
		}
		report = append(report, chunk.GetData()...)
	}
}

func TestReports(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "generator")
	_, err := getReport(t, conn, ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))

	piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	require.NoError(t, putReport(t, conn, ref("r"), []byte("first")))
	require.NoError(t, putReport(t, conn, ref("r"), piece, piece, []byte("end"))) // replaces
	server.Restart(t)
	conn = server.DialUser(t, "generator")
	report, err := getReport(t, conn, ref("r"))
	require.NoError(t, err)
	require.Equal(t, bytes.Join([][]byte{piece, piece, []byte("end")}, nil), report)

	tooMany := make([][]byte, 65)
	for n := range tooMany {
		tooMany[n] = piece
	}
	err = putReport(t, conn, ref("r"), tooMany...)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.ErrorContains(t, err, "larger than 64 MiB")
	err = putReport(t, conn, ref("r"), append(piece, 'x'))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.Equal(t, codes.InvalidArgument, status.Code(putReport(t, conn, ref("r"))))
	require.Equal(t, codes.InvalidArgument, status.Code(putReport(t, conn, ref("r"), nil)))
	kept, err := getReport(t, conn, ref("r")) // a refused report does not replace the one before
	require.NoError(t, err)
	require.Equal(t, report, kept)

	impostor := &trafficpb.ObjectRef{Namespace: "shop", Name: "impostor", Uid: ref("r").GetUid()}
	require.Equal(t, codes.InvalidArgument, status.Code(putReport(t, conn, impostor, []byte("forged"))))
	_, err = getReport(t, conn, impostor)
	require.Equal(t, codes.NotFound, status.Code(err))

	client := trafficpb.NewReplaysClient(conn)
	_, err = client.DeleteReport(t.Context(), impostor)
	require.NoError(t, err)
	_, err = getReport(t, conn, ref("r"))
	require.NoError(t, err)
	for range 2 {
		_, err = client.DeleteReport(t.Context(), ref("r"))
		require.NoError(t, err)
	}
	_, err = getReport(t, conn, ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))
}

// A generator that is still ending when its replay is deleted brings nothing back: neither with a report that it begins after the
// deletion nor with one that is under way.
func TestReportOfADeletedReplayStaysDeleted(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "generator")
	client := trafficpb.NewReplaysClient(conn)
	underWay, err := client.PutReport(t.Context())
	require.NoError(t, err)
	require.NoError(t, underWay.Send(&trafficpb.ReportChunk{Replay: ref("r"), Data: []byte("half of ")}))
	stored := func() []string {
		files, err := filepath.Glob(filepath.Join(server.Options.DataDir, "*", store.ReportPrefix("shop", ref("r").GetUid()), "*.json"))
		require.NoError(t, err)
		return files
	}
	require.Eventually(t, func() bool { return len(stored()) > 0 }, 30*time.Second, 10*time.Millisecond) // it is noted whose report comes
	_, err = client.DeleteReport(t.Context(), ref("r"))
	require.NoError(t, err)
	require.NoError(t, underWay.Send(&trafficpb.ReportChunk{Data: []byte("the report")}))
	_, err = underWay.CloseAndRecv()
	require.Equal(t, codes.NotFound, status.Code(err), "error %v", err)

	require.Equal(t, codes.NotFound, status.Code(putReport(t, conn, ref("r"), []byte("another"))))
	_, err = getReport(t, conn, ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))
	require.Empty(t, stored())
	_, err = client.PutProgress(t.Context(), &trafficpb.PutProgressRequest{Replay: ref("r"), Progress: &trafficpb.Progress{Sent: 1}})
	require.NoError(t, err)
	_, err = client.GetProgress(t.Context(), ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))
	require.NoError(t, putReport(t, conn, ref("other"), []byte("of another")))
}

func TestProgress(t *testing.T) {
	server := forwardertest.Start(t)
	client := trafficpb.NewReplaysClient(server.DialUser(t, "generator"))
	_, err := client.GetProgress(t.Context(), ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))
	for _, sent := range []uint64{10, 20} {
		progress := &trafficpb.Progress{Sent: sent, Total: 100, Rate: 5, Errors: 1, Time: 7}
		_, err = client.PutProgress(t.Context(), &trafficpb.PutProgressRequest{Replay: ref("r"), Progress: progress})
		require.NoError(t, err)
		got, err := client.GetProgress(t.Context(), ref("r"))
		require.NoError(t, err)
		require.True(t, proto.Equal(progress, got))
	}
	_, err = client.PutProgress(t.Context(), &trafficpb.PutProgressRequest{Replay: ref("r")})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	_, err = client.DeleteReport(t.Context(), ref("r"))
	require.NoError(t, err)
	_, err = client.GetProgress(t.Context(), ref("r"))
	require.Equal(t, codes.NotFound, status.Code(err))
}
