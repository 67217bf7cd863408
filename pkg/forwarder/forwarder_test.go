// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const instance = "01J0000000000000000PROXY01"

var frontPod = auth.Pod{Namespace: "shop", Name: "front-1", UID: "uid-front-1"}

// epoch is when the traffic of the tests begins.
var epoch = time.Now().Add(-10 * time.Minute).Truncate(time.Second)

// call makes an inbound record of the workload front that runs from one moment to another.
func call(sequence uint64, from, to time.Duration) *trafficpb.Record {
	return &trafficpb.Record{
		Id: fmt.Sprintf("01J%023d", sequence), Sequence: sequence, Direction: trafficpb.Direction_DIRECTION_INBOUND,
		Protocol: "http/1.1", Workload: "front", Port: 9898, Operation: "GET /", Status: 200,
		Request:  &trafficpb.Message{Head: []byte("GET / HTTP/1.1\r\nHost: front\r\n\r\n"), FirstByte: at(from), LastByte: at(from)},
		Response: &trafficpb.Message{Head: []byte("HTTP/1.1 200 OK\r\n\r\n"), FirstByte: at(to), LastByte: at(to)},
	}
}

// outboundCall makes an outbound record of the workload front.
func outboundCall(sequence uint64, from, to time.Duration) *trafficpb.Record {
	record := call(sequence, from, to)
	record.Direction, record.Host = trafficpb.Direction_DIRECTION_OUTBOUND, "back"
	return record
}

func at(offset time.Duration) int64 { return epoch.Add(offset).UnixNano() }

// push sends one batch on a stream of its own and waits for the acknowledgement.
func push(conn *grpc.ClientConn, request *trafficpb.PushRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := trafficpb.NewIngestClient(conn).Push(ctx)
	if err != nil {
		return err
	}
	request = proto.CloneOf(request)
	request.Batch = 1
	if request.ProxyInstance == "" {
		request.ProxyInstance = instance
	}
	if err := stream.Send(request); err != nil && err != io.EOF {
		return err
	}
	response, err := stream.Recv()
	if err != nil {
		return err
	}
	if response.GetBatch() != 1 {
		return fmt.Errorf("batch %d was acknowledged", response.GetBatch())
	}
	return nil
}

func ref(name string) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: "shop", Name: name, Uid: "uid-" + name}
}

func build(t *testing.T, conn *grpc.ClientConn, name string, from, to time.Duration) *trafficpb.Manifest {
	manifest, err := trafficpb.NewSnapshotsClient(conn).Build(t.Context(), &trafficpb.BuildRequest{
		Snapshot: ref(name), Workload: "front", From: at(from), To: at(to),
	})
	require.NoError(t, err)
	return manifest
}

func read(t *testing.T, conn *grpc.ClientConn, request *trafficpb.ReadRequest) []*trafficpb.Record {
	var records []*trafficpb.Record
	require.NoError(t, dial.EachRecord(t.Context(), conn, request, func(record *trafficpb.Record) error {
		records = append(records, record)
		return nil
	}))
	return records
}

func ids(records []*trafficpb.Record) []uint64 {
	var out []uint64
	for _, record := range records {
		out = append(out, record.GetSequence())
	}
	return out
}

func TestAcknowledgedRecordsSurviveACrash(t *testing.T) {
	server := forwardertest.Start(t)
	proxy := server.DialPod(t, frontPod)
	first := call(1, 0, time.Millisecond)
	first.Namespace, first.Pod, first.PodUid = "victim", "other", "other" // what a record says of its pod does not count
	require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: []*trafficpb.Record{first}}))
	require.NoError(t, push(proxy, &trafficpb.PushRequest{
		Records: []*trafficpb.Record{call(2, time.Second, 2*time.Second)},
		Losses:  []*trafficpb.Loss{{Workload: "front", Count: 7, From: at(0), To: at(time.Second), Reason: "queue full"}}, LossSequence: 1,
	}))

	// What a killed process leaves is what is on disk now.
	crashed := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.CopyFS(crashed, os.DirFS(server.Options.DataDir)))
	server.Stop(t)
	server.Options.DataDir = crashed
	server.Restart(t)

	user := server.DialUser(t, "controller")
	manifest := build(t, user, "monday", 0, time.Minute)
	require.EqualValues(t, 2, manifest.GetInbound())
	require.EqualValues(t, 7, manifest.GetDropped())
	records := read(t, user, &trafficpb.ReadRequest{Snapshot: ref("monday")})
	require.Equal(t, []uint64{1, 2}, ids(records))
	for _, record := range records {
		require.Equal(t, []string{"shop", "front-1", "uid-front-1", instance},
			[]string{record.GetNamespace(), record.GetPod(), record.GetPodUid(), record.GetProxyInstance()})
	}
	stats, err := trafficpb.NewCapturesClient(user).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
	require.NoError(t, err)
	require.EqualValues(t, 2, stats.GetRecords())
	require.EqualValues(t, 7, stats.GetDropped())
	require.Equal(t, at(2*time.Second), stats.GetLastRecord())
}

func TestStatsSayHowFastItComesAndWhatIsKept(t *testing.T) {
	server := forwardertest.Start(t)
	stats := func() *trafficpb.StatsResponse {
		t.Helper()
		stats, err := trafficpb.NewCapturesClient(server.DialUser(t, "controller")).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
		require.NoError(t, err)
		return stats
	}
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{Records: []*trafficpb.Record{call(1, 0, 1), call(2, 1, 2)}}))
	require.Positive(t, stats().GetRecordsPerSecond())
	require.LessOrEqual(t, stats().GetRecordsPerSecond(), 2.0)
	require.Zero(t, stats().GetStoredBytes(), "nothing is sealed yet")
	build(t, server.DialUser(t, "controller"), "sealed", 0, time.Minute)
	stored := stats().GetStoredBytes()
	require.Positive(t, stored)
	server.Restart(t)
	require.Eventually(t, func() bool { return stats().GetStoredBytes() == stored }, time.Minute, 10*time.Millisecond, "what is in the storage is counted")
}

func TestDuplicatesAreDropped(t *testing.T) {
	server := forwardertest.Start(t)
	batch := &trafficpb.PushRequest{
		Records: []*trafficpb.Record{call(1, 0, 1), call(2, 1, 2)},
		Losses:  []*trafficpb.Loss{{Workload: "front", Count: 3, From: at(0), To: at(1)}}, LossSequence: 1,
	}
	expect := func(records, dropped int) {
		t.Helper()
		stats, err := trafficpb.NewCapturesClient(server.DialUser(t, "controller")).Stats(t.Context(),
			&trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
		require.NoError(t, err)
		require.EqualValues(t, records, stats.GetRecords())
		require.EqualValues(t, dropped, stats.GetDropped())
	}
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
	expect(2, 3)
	server.Restart(t) // from the log
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
	expect(2, 3)
	build(t, server.DialUser(t, "controller"), "sealed", 0, time.Minute)
	server.Restart(t) // from the checkpoint: what was sealed is not in the log any more
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
	expect(2, 3)

	batch.Records = append(batch.Records, call(3, 2, 3)) // partly new
	batch.Losses = append(batch.Losses, &trafficpb.Loss{Workload: "front", Count: 4, From: at(0), To: at(1)})
	require.NoError(t, push(server.DialPod(t, frontPod), batch))
	expect(3, 7)
	// Another process, or another pod, has sequences of its own.
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{ProxyInstance: "other", Records: []*trafficpb.Record{call(1, 0, 1)}}))
	require.NoError(t, push(server.DialPod(t, auth.Pod{Namespace: "shop", Name: "front-2", UID: "uid-front-2"}), batch))
	expect(7, 14)
}

// A proxy that connects again, after a while in which it heard nothing, sends again what was not acknowledged. The forwarder may
// still be reading the stream before: nothing is lost and nothing doubled, whichever comes first.
func TestReconnectedProxyLosesNothing(t *testing.T) {
	server := forwardertest.Start(t)
	open := func() trafficpb.Ingest_PushClient {
		stream, err := trafficpb.NewIngestClient(server.DialPod(t, frontPod)).Push(t.Context())
		require.NoError(t, err)
		return stream
	}
	send := func(stream trafficpb.Ingest_PushClient, batch, sequence uint64) {
		require.NoError(t, stream.Send(&trafficpb.PushRequest{
			Batch: batch, ProxyInstance: instance, Records: []*trafficpb.Record{call(sequence, time.Duration(sequence), time.Duration(sequence)+1)},
			Losses: []*trafficpb.Loss{{Workload: "front", Count: 1, From: at(0), To: at(1)}}, LossSequence: sequence,
		}))
	}
	acknowledged := func(stream trafficpb.Ingest_PushClient, batch uint64) {
		response, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, batch, response.GetBatch())
	}
	before, after := open(), open()
	send(before, 1, 1)
	acknowledged(before, 1)
	for n := range uint64(50) { // of which the proxy hears nothing
		send(before, n+2, n+2)
		send(after, n+1, n+2)
	}
	for n := range uint64(50) {
		send(after, n+51, n+52)
	}
	for n := range uint64(100) {
		acknowledged(after, n+1)
	}
	for n := range uint64(50) {
		acknowledged(before, n+2)
	}
	user := server.DialUser(t, "controller")
	stats, err := trafficpb.NewCapturesClient(user).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
	require.NoError(t, err)
	require.EqualValues(t, 101, stats.GetRecords())
	require.EqualValues(t, 101, stats.GetDropped())
	build(t, user, "all", 0, time.Minute)
	want := make([]uint64, 101)
	for n := range want {
		want[n] = uint64(n + 1)
	}
	require.Equal(t, want, ids(read(t, user, &trafficpb.ReadRequest{Snapshot: ref("all")})))
}

// What would be taken for held already is refused instead.
func TestOrderOfAStream(t *testing.T) {
	server := forwardertest.Start(t)
	for name, test := range map[string]struct {
		batches []*trafficpb.PushRequest
		want    string
	}{
		"within a batch": {[]*trafficpb.PushRequest{{Records: []*trafficpb.Record{call(7, 0, 1), call(5, 0, 1)}}},
			"records[1].sequence: 5 does not come after 7"},
		"in a later batch": {[]*trafficpb.PushRequest{{Records: []*trafficpb.Record{call(7, 0, 1)}}, {Records: []*trafficpb.Record{call(5, 0, 1)}}},
			"records[0].sequence: 5 does not come after 7"},
		"losses": {[]*trafficpb.PushRequest{
			{Losses: []*trafficpb.Loss{{Workload: "front"}, {Workload: "front"}}, LossSequence: 4}, {Losses: []*trafficpb.Loss{{Workload: "front"}}, LossSequence: 5},
		}, "lossSequence: 5 does not come after 5"},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := trafficpb.NewIngestClient(server.DialPod(t, frontPod)).Push(t.Context())
			require.NoError(t, err)
			for n, batch := range test.batches {
				batch.Batch, batch.ProxyInstance = uint64(n+1), instance+name[:1]
				require.NoError(t, stream.Send(batch))
			}
			for err == nil {
				_, err = stream.Recv()
			}
			require.Equal(t, codes.InvalidArgument, status.Code(err))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestWhatCannotBeKeptIsCounted(t *testing.T) {
	server := forwardertest.Start(t)
	proxy, user := server.DialPod(t, frontPod), server.DialUser(t, "controller")
	large, undirected, timeless := call(1, 0, 1), call(2, 0, 1), call(3, 0, 1)
	large.Response.Body = make([]byte, 4<<20)
	undirected.Direction = trafficpb.Direction_DIRECTION_UNSPECIFIED
	timeless.Request.FirstByte, timeless.Response.FirstByte = 0, 0
	require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: []*trafficpb.Record{large, undirected, timeless, call(4, 0, 1)}}))
	stats, err := trafficpb.NewCapturesClient(user).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
	require.NoError(t, err)
	require.EqualValues(t, 1, stats.GetRecords())
	require.EqualValues(t, 3, stats.GetDropped())

	for field, request := range map[string]*trafficpb.PushRequest{
		"proxyInstance":            {ProxyInstance: string(make([]byte, 100))},
		"records[0].workload":      {Records: []*trafficpb.Record{{Sequence: 9, Workload: "../../etc"}}},
		"records[0].sequence":      {Records: []*trafficpb.Record{{Workload: "front"}}},
		"records[0].proxyInstance": {Records: []*trafficpb.Record{{Sequence: 9, Workload: "front", ProxyInstance: "other"}}},
		"losses[0].workload":       {Losses: []*trafficpb.Loss{{Workload: "A"}}, LossSequence: 1},
		"lossSequence":             {Losses: []*trafficpb.Loss{{Workload: "front"}}},
	} {
		err := push(proxy, request)
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%s: %v", field, err)
		require.ErrorContains(t, err, field+":")
	}
}

func TestRecordsAreSealedInTimeAndKeptForTheirTime(t *testing.T) {
	server := forwardertest.Start(t, func(o *forwarder.Options) {
		o.SealInterval = 100 * time.Millisecond
		o.Retention = 2 * time.Second
	})
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{
		Records: []*trafficpb.Record{call(1, 0, 1)},
		Losses:  []*trafficpb.Loss{{Workload: "front", Count: 1, From: at(0), To: at(1)}}, LossSequence: 1,
	}))
	user := server.DialUser(t, "controller")
	build(t, user, "kept", 0, time.Minute)
	storage := filepath.Join(server.Options.DataDir, "storage")
	files := func(pattern string) []string {
		names, err := filepath.Glob(filepath.Join(storage, pattern))
		require.NoError(t, err)
		return names
	}
	require.Len(t, files("traffic/shop/front/*.parquet"), 1)
	require.Len(t, files("losses/shop/front/*.json"), 1)
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{Records: []*trafficpb.Record{call(2, 0, 1)}}))
	require.Eventually(t, func() bool { return len(files("traffic/shop/front/*.parquet")) == 2 }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return len(files("traffic/shop/front/*")) == 0 && len(files("losses/shop/front/*")) == 0
	}, 20*time.Second, 50*time.Millisecond)
	require.Len(t, read(t, user, &trafficpb.ReadRequest{Snapshot: ref("kept")}), 1)
}

func TestHealth(t *testing.T) {
	server := forwardertest.Start(t)
	code := func(path string) int {
		response, err := http.Get(server.Health + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	storage := filepath.Join(server.Options.DataDir, "storage")
	require.NoError(t, os.RemoveAll(storage))
	require.NoError(t, os.WriteFile(storage, []byte("in the way"), 0o600))
	require.Equal(t, http.StatusServiceUnavailable, code("/readyz"))
	require.Equal(t, http.StatusOK, code("/livez"))
	require.NoError(t, os.Remove(storage))
	require.Equal(t, http.StatusOK, code("/readyz"))
}
