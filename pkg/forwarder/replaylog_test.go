// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func appendLog(t *testing.T, conn *grpc.ClientConn, name string, last bool, texts ...string) {
	t.Helper()
	request := &trafficpb.AppendLogRequest{Replay: ref(name), Last: last}
	for _, text := range texts {
		request.Lines = append(request.Lines, &trafficpb.LogLine{Time: int64(len(text)), Source: "generator", Text: text})
	}
	_, err := trafficpb.NewReplaysClient(conn).AppendLog(t.Context(), request)
	require.NoError(t, err)
}

// logReader reads the log of a replay line by line.
type logReader struct {
	stream  trafficpb.Replays_GetLogClient
	pending []string
}

func readLog(ctx context.Context, t *testing.T, conn *grpc.ClientConn, request *trafficpb.GetLogRequest) *logReader {
	t.Helper()
	stream, err := trafficpb.NewReplaysClient(conn).GetLog(ctx, request)
	require.NoError(t, err)
	return &logReader{stream: stream}
}

// next returns the next line, "" at the end.
func (r *logReader) next(t *testing.T) string {
	t.Helper()
	for len(r.pending) == 0 {
		response, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return ""
		}
		require.NoError(t, err)
		for _, line := range response.GetLines() {
			r.pending = append(r.pending, line.GetText())
		}
	}
	line := r.pending[0]
	r.pending = r.pending[1:]
	return line
}

func (r *logReader) rest(t *testing.T) (lines []string) {
	t.Helper()
	for line := r.next(t); line != ""; line = r.next(t) {
		lines = append(lines, line)
	}
	return lines
}

func TestLogIsKept(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "controller")
	all := func() []string {
		return readLog(t.Context(), t, server.DialUser(t, "controller"), &trafficpb.GetLogRequest{Replay: ref("run"), Tail: -1}).rest(t)
	}
	require.Empty(t, all())
	appendLog(t, conn, "run", false, "one", "two\nlines", strings.Repeat("x", 10_000))
	want := []string{"one", "two lines", strings.Repeat("x", 8<<10) + "…"}
	require.Equal(t, want, all())

	// What a process that was killed did not write to the end is gone, the rest is there.
	server.Stop(t)
	path := filepath.Join(server.Options.DataDir, "replay-logs", "shop", ref("run").GetUid()+".log")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(data, 100, 1, 2), 0o600))
	server.Restart(t)
	require.Equal(t, want, all())
	appendLog(t, server.DialUser(t, "controller"), "run", true, "last")
	require.Equal(t, append(want, "last"), all())

	other := ref("run")
	other.Name = "other"
	_, err = readLog(t.Context(), t, server.DialUser(t, "controller"), &trafficpb.GetLogRequest{Replay: other, Tail: -1}).stream.Recv()
	require.Equal(t, codes.NotFound, status.Code(err), "a log of the same uid and another name")
	_, err = trafficpb.NewReplaysClient(server.DialUser(t, "controller")).DeleteReport(t.Context(), ref("run"))
	require.NoError(t, err)
	require.Empty(t, all())
	appendLog(t, server.DialUser(t, "controller"), "run", false, "late")
	require.Empty(t, all())
	require.NoFileExists(t, path)
}

func TestLogIsSelected(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "controller")
	appendLog(t, conn, "run", true, "a", "bb", "ccc") // of the times 1, 2 and 3
	for name, test := range map[string]struct {
		tail, since int64
		want        []string
	}{
		"all":   {-1, 0, []string{"a", "bb", "ccc"}},
		"tail":  {2, 0, []string{"bb", "ccc"}},
		"none":  {0, 0, nil},
		"more":  {9, 0, []string{"a", "bb", "ccc"}},
		"since": {-1, 3, []string{"ccc"}},
	} {
		for _, follow := range []bool{false, true} {
			request := &trafficpb.GetLogRequest{Replay: ref("run"), Tail: test.tail, Since: test.since, Follow: follow}
			require.Equal(t, test.want, readLog(t.Context(), t, conn, request).rest(t), name)
		}
	}
}

func TestLogIsFollowed(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "controller")
	early := readLog(t.Context(), t, conn, &trafficpb.GetLogRequest{Replay: ref("run"), Tail: -1, Follow: true})
	appendLog(t, conn, "run", false, "one")
	require.Equal(t, "one", early.next(t))
	late := readLog(t.Context(), t, conn, &trafficpb.GetLogRequest{Replay: ref("run"), Tail: 1, Follow: true})
	require.Equal(t, "one", late.next(t))
	appendLog(t, conn, "run", false, "two")
	require.Equal(t, "two", late.next(t))
	require.Equal(t, "two", early.next(t))
	appendLog(t, conn, "run", true, "three")
	require.Equal(t, []string{"three"}, early.rest(t))
	require.Equal(t, []string{"three"}, late.rest(t))

	gone := readLog(t.Context(), t, conn, &trafficpb.GetLogRequest{Replay: ref("gone"), Tail: -1, Follow: true})
	appendLog(t, conn, "gone", false, "one")
	require.Equal(t, "one", gone.next(t))
	_, err := trafficpb.NewReplaysClient(conn).DeleteReport(t.Context(), ref("gone"))
	require.NoError(t, err)
	require.Empty(t, gone.rest(t))
}

// A log has a bound, and says what it lacks.
func TestLogIsBounded(t *testing.T) {
	server := forwardertest.Start(t)
	conn := server.DialUser(t, "generator")
	var texts []string
	for n := range 400 {
		texts = append(texts, fmt.Sprintf("%04d%s", n, strings.Repeat("x", 8000)))
	}
	appendLog(t, conn, "run", false, texts...)
	appendLog(t, conn, "run", false, texts...)
	appendLog(t, conn, "run", true)
	lines := readLog(t.Context(), t, conn, &trafficpb.GetLogRequest{Replay: ref("run"), Tail: -1}).rest(t)
	require.InDelta(t, 4<<20, len(strings.Join(lines, "")), 16<<10)
	require.Equal(t, fmt.Sprintf("%d lines are left out: a log has at most 4 MiB", 800-len(lines)+1), lines[len(lines)-1])
}
