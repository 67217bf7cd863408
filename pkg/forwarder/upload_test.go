// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var redactionKey = bytes.Repeat([]byte("k"), 32)

// appendUpload sends the data in pieces after a first chunk.
func appendUpload(t *testing.T, conn *grpc.ClientConn, first *trafficpb.UploadChunk, data []byte) (*trafficpb.UploadState, error) {
	t.Helper()
	stream, err := trafficpb.NewSnapshotsClient(conn).AppendUpload(t.Context())
	require.NoError(t, err)
	first.Workload = "front"
	for chunk := first; ; chunk = new(trafficpb.UploadChunk) {
		n := min(len(data), 1<<20)
		chunk.Data, data = data[:n], data[n:]
		if stream.Send(chunk) != nil || len(data) == 0 {
			return stream.CloseAndRecv()
		}
	}
}

func uploadAll(t *testing.T, conn *grpc.ClientConn, name string, data []byte) error {
	t.Helper()
	_, err := appendUpload(t, conn, &trafficpb.UploadChunk{Snapshot: ref(name), Restart: true, Complete: true}, data)
	return err
}

func buildUpload(t *testing.T, conn *grpc.ClientConn, name string) (*trafficpb.Manifest, error) {
	t.Helper()
	return trafficpb.NewSnapshotsClient(conn).BuildUpload(t.Context(), &trafficpb.BuildUploadRequest{
		Snapshot: ref(name), Workload: "front", RedactionKey: redactionKey,
	})
}

func asLines(t *testing.T, records []*trafficpb.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, record := range records {
		line, err := traffic.MarshalRecordJSON(record, nil)
		require.NoError(t, err)
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

func asArchive(t *testing.T, records []*trafficpb.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := har.NewWriter(&out, "test")
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close(""))
	return out.Bytes()
}

// What a snapshot holds makes the same snapshot when it is uploaded, in either form.
func TestUploadRoundTrip(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	var pushed []*trafficpb.Record
	for n := uint64(1); n < 40; n += 2 {
		at := time.Duration(n) * time.Second
		pushed = append(pushed, call(n, at, at+time.Second/2), outboundCall(n+1, at+time.Millisecond, at+2*time.Millisecond))
	}
	pushed[3].Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED}
	pushed[3].Response.BodyLength = 1 << 30
	pushed[5].Request.Head = []byte("GET / HTTP/1.1\r\nAuthorization: Bearer restage-0123456789abcdef\r\n\r\n")
	pushed[5].Redacted = []string{"request.header.authorization"}
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{Records: pushed, Losses: []*trafficpb.Loss{
		{Workload: "front", Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Count: 1, From: at(3 * time.Second), To: at(4 * time.Second)},
	}, LossSequence: 1}))
	build(t, user, "original", 0, time.Minute)
	original := read(t, user, &trafficpb.ReadRequest{Snapshot: ref("original")})
	require.Len(t, ids(original), len(pushed))
	for name, data := range map[string][]byte{"lines": asLines(t, original), "archive": asArchive(t, original)} {
		require.NoError(t, uploadAll(t, user, name, data))
		manifest, err := buildUpload(t, user, name)
		require.NoError(t, err)
		require.EqualValues(t, 20, manifest.GetInbound())
		require.EqualValues(t, 1, manifest.GetNotReplayable())
		uploaded := read(t, user, &trafficpb.ReadRequest{Snapshot: ref(name)})
		require.Equal(t, ids(original), ids(uploaded))
		for i := range original {
			require.True(t, proto.Equal(original[i], uploaded[i]), "%s\nwas  %v\ncame %v", name, original[i], uploaded[i])
		}
		again, err := buildUpload(t, user, name)
		require.NoError(t, err)
		require.True(t, proto.Equal(manifest, again))
		require.NoDirExists(t, filepath.Join(server.Options.DataDir, "uploads", "shop", ref(name).GetUid()))
	}
}

// Content that comes in any order is sorted, linked and redacted.
func TestUploadIsMadeASnapshot(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	in, out := call(1, time.Second, 3*time.Second), outboundCall(2, 2*time.Second, 2500*time.Millisecond)
	in.Workload, in.Namespace, in.PodUid, out.PodUid = "", "elsewhere", "p", "p"
	in.Request.Head = []byte("GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\n\r\n")
	require.NoError(t, uploadAll(t, user, "mixed", asLines(t, []*trafficpb.Record{out, in})))
	_, err := buildUpload(t, user, "mixed")
	require.NoError(t, err)
	records := read(t, user, &trafficpb.ReadRequest{Snapshot: ref("mixed")})
	require.Equal(t, []uint64{1, 2}, ids(records))
	require.Equal(t, []string{"front", "shop", ""}, []string{records[0].GetWorkload(), records[0].GetNamespace(), records[0].GetParent()})
	require.Equal(t, records[0].GetId(), records[1].GetParent())
	require.Regexp(t, `Bearer restage-[0-9a-f]{16}\r\n`, string(records[0].GetRequest().GetHead()))
	require.Equal(t, []string{"request.header.authorization"}, records[0].GetRedacted())
}

func TestUploadIsResumed(t *testing.T) {
	server := forwardertest.Start(t)
	data := asLines(t, []*trafficpb.Record{call(1, 1, 2), call(2, 2, 3), call(3, 3, 4)})
	user := server.DialUser(t, "controller")
	_, err := trafficpb.NewSnapshotsClient(user).GetUpload(t.Context(), ref("parts"))
	require.Equal(t, codes.NotFound, status.Code(err))

	// A call that breaks off leaves what it brought.
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := trafficpb.NewSnapshotsClient(user).AppendUpload(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&trafficpb.UploadChunk{Snapshot: ref("parts"), Workload: "front", Restart: true, Complete: true, Length: uint64(len(data)), Data: data[:100]}))
	require.Eventually(t, func() bool {
		state, err := trafficpb.NewSnapshotsClient(user).GetUpload(t.Context(), ref("parts"))
		return err == nil && state.GetOffset() == 100
	}, time.Minute, time.Millisecond)
	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("parts"), Offset: 100}, nil)
	require.Equal(t, codes.Aborted, status.Code(err), "another call is at work")
	cancel()
	server.Restart(t)
	user = server.DialUser(t, "controller")

	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("parts"), Offset: 99}, data[99:])
	require.Equal(t, codes.OutOfRange, status.Code(err))
	require.ErrorContains(t, err, "offset: 99 is not where the upload goes on, 100")
	require.EqualValues(t, 100, status.Convert(err).Details()[0].(*trafficpb.UploadState).GetOffset())
	_, err = buildUpload(t, user, "parts")
	require.Equal(t, codes.FailedPrecondition, status.Code(err), "it is not complete")
	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("parts"), Offset: 100, Complete: true}, data[100:200])
	require.ErrorContains(t, err, fmt.Sprintf("length: the upload ends after 200 bytes of %d", len(data)))
	state, err := appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("parts"), Offset: 200, Complete: true}, data[200:])
	require.NoError(t, err)
	require.True(t, state.GetComplete())

	server.Restart(t)
	user = server.DialUser(t, "controller")
	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("parts"), Offset: uint64(len(data))}, data)
	require.Equal(t, codes.FailedPrecondition, status.Code(err), "it is complete")
	_, err = buildUpload(t, user, "parts")
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 3}, ids(read(t, user, &trafficpb.ReadRequest{Snapshot: ref("parts")})))
	require.Equal(t, codes.FailedPrecondition, status.Code(uploadAll(t, user, "parts", data)), "a snapshot never changes")
}

func TestBadUploadsNameTheLine(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	good := string(asLines(t, []*trafficpb.Record{call(1, 1, 2)}))
	foreign := call(2, 1, 2)
	foreign.Workload = "back"
	archive := string(asArchive(t, []*trafficpb.Record{call(1, 1, 2), foreign}))
	for name, test := range map[string]struct{ content, want string }{
		"empty":       {"", "there is no record in it"},
		"no-json":     {good + "\nnonsense\n", "line 3: invalid character"},
		"unknown":     {good + `{"id":"x","colour":1}`, `line 2: json: unknown field "colour"`},
		"twice":       {good + good, "line 2: id: "},
		"no-port":     {strings.Replace(good, `"port":9898`, `"port":0`, 1), "line 1: port 0 is not 1 to 65535"},
		"other":       {string(asLines(t, []*trafficpb.Record{foreign})), `line 1: workload: "back" is not that of the snapshot, "front"`},
		"har-other":   {archive, `line 3: entry 2: workload: "back" is not that of the snapshot`},
		"har-cut-off": {archive[:len(archive)-20], "unexpected"},
		"har-empty":   {`{"log":{"entries":[]}}`, "there is no record in it"},
	} {
		err := uploadAll(t, user, name, []byte(test.content))
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%s: %v", name, err)
		require.ErrorContains(t, err, test.want, name)
		require.NoError(t, uploadAll(t, user, name, []byte(good)), "it can be uploaded anew")
	}
}

func TestUploadsAreBounded(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	_, err := appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("large"), Length: 256<<20 + 1}, nil)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.ErrorContains(t, err, "larger than 256 MiB")
	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("longer"), Length: 5}, []byte("123456"))
	require.ErrorContains(t, err, "length: there is more than the 5 bytes that it says")
	_, err = appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref("longer"), Length: 6}, nil)
	require.ErrorContains(t, err, "length: 6 is not the one that was given first, 5")
}

// What is never completed does not stay.
func TestUploadsThatAreGivenUpGo(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	directory := func(name string) string {
		return filepath.Join(server.Options.DataDir, "uploads", "shop", ref(name).GetUid())
	}
	data := asLines(t, []*trafficpb.Record{call(1, 1, 2)})
	for _, name := range []string{"given-up", "deleted"} {
		_, err := appendUpload(t, user, &trafficpb.UploadChunk{Snapshot: ref(name)}, data)
		require.NoError(t, err)
		require.DirExists(t, directory(name))
	}
	require.NoError(t, uploadAll(t, user, "complete", data))
	_, err := trafficpb.NewSnapshotsClient(user).Delete(t.Context(), ref("deleted"))
	require.NoError(t, err)
	require.NoDirExists(t, directory("deleted"))
	for _, name := range []string{"given-up", "complete"} {
		old := time.Now().Add(-2 * server.Options.Retention)
		require.NoError(t, os.Chtimes(filepath.Join(directory(name), "content"), old, old))
	}
	server.Restart(t)
	require.Eventually(t, func() bool {
		_, err := os.Stat(directory("given-up"))
		return os.IsNotExist(err)
	}, time.Minute, 10*time.Millisecond)
	require.DirExists(t, directory("complete"))
}
