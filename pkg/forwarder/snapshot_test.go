// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func TestSnapshotHoldsItsWindow(t *testing.T) {
	server := forwardertest.Start(t)
	traced := func(record *trafficpb.Record, trace string) *trafficpb.Record {
		record.TraceId = trace
		return record
	}
	user, proxy := server.DialUser(t, "controller"), server.DialPod(t, frontPod)
	// The window is from 10 s to 20 s.
	for _, record := range []*trafficpb.Record{
		traced(call(1, 9*time.Second, 11*time.Second), "before"),
		traced(outboundCall(2, 10500*time.Millisecond, 10600*time.Millisecond), "before"), // in the window; its cause is not
		call(3, 10*time.Second-1, 10*time.Second),                                         // one nanosecond too early
		call(4, 10*time.Second, 10*time.Second+1),                                         // the first moment
		traced(call(5, 20*time.Second-1, 25*time.Second), "last"),                         // the last moment
		call(6, 20*time.Second, 26*time.Second),                                           // one nanosecond too late
		traced(outboundCall(7, 24*time.Second, 24*time.Second+1), "last"),                 // too late, but record 5 needs it
		outboundCall(8, 24*time.Second, 24*time.Second+1),                                 // too late, and of 5 or of 6
		traced(outboundCall(9, 25*time.Second+1, 26*time.Second), "last"),                 // after record 5 has ended
	} {
		require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: []*trafficpb.Record{record}}))
	}
	manifest := build(t, user, "window", 10*time.Second, 20*time.Second)
	records := read(t, user, &trafficpb.ReadRequest{Snapshot: ref("window")})
	require.Equal(t, []uint64{4, 2, 5, 7}, ids(records))
	require.Equal(t, []string{"", "", "", records[2].GetId()},
		[]string{records[0].GetParent(), records[1].GetParent(), records[2].GetParent(), records[3].GetParent()})
	require.EqualValues(t, 2, manifest.GetInbound())
	require.EqualValues(t, 2, manifest.GetOutbound())
	require.Equal(t, at(10*time.Second), manifest.GetFirstRequest())
	require.Equal(t, at(24*time.Second), manifest.GetLastRequest())
	require.Equal(t, []string{"front-1"}, manifest.GetPods())
	require.Len(t, manifest.GetSlices(), 2)
	require.True(t, proto.Equal(&trafficpb.SliceInfo{
		Key: "front:9898", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "http/1.1", Records: 2,
	}, manifest.GetSlices()[0]), "%v", manifest.GetSlices()[0])
	require.Equal(t, "back:9898", manifest.GetSlices()[1].GetKey())
	require.Positive(t, manifest.GetSizeBytes())
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", manifest.GetContentHash())
}

func TestEmptySnapshot(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	manifest := build(t, user, "empty", 0, time.Second)
	require.Zero(t, manifest.GetInbound()+manifest.GetOutbound())
	require.Zero(t, manifest.GetFirstRequest())
	require.Empty(t, manifest.GetFiles())
	require.Empty(t, read(t, user, &trafficpb.ReadRequest{Snapshot: ref("empty")}))
}

// Calls of concurrent requests find their parents by trace, or by being the only one in progress in their pod.
func TestParentsUnderConcurrency(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	const pods, requests = 4, 200
	var pushing sync.WaitGroup
	errs := make(chan error, pods)
	for pod := range pods {
		conn := server.DialPod(t, auth.Pod{Namespace: "shop", Name: fmt.Sprintf("front-%d", pod), UID: fmt.Sprintf("uid-%d", pod)})
		pushing.Go(func() {
			var batch []*trafficpb.Record
			for n := range requests {
				// Eight requests are in progress at any time, in pod 0 only one.
				length := 8 * time.Millisecond
				if pod == 0 {
					length = time.Millisecond - 1
				}
				begin := time.Duration(n) * time.Millisecond
				in, out := call(uint64(2*n+2), begin, begin+length), outboundCall(uint64(2*n+1), begin+100, begin+200)
				in.Id, out.Id = fmt.Sprintf("in-%d-%d", pod, n), fmt.Sprintf("out-%d-%d", pod, n)
				if pod > 0 && n%2 == 0 {
					in.TraceId, out.TraceId = fmt.Sprintf("trace-%d", n), fmt.Sprintf("trace-%d", n)
				}
				batch = append(batch, out, in)
			}
			errs <- push(conn, &trafficpb.PushRequest{Records: batch, ProxyInstance: fmt.Sprintf("proxy-%d", pod)})
		})
	}
	pushing.Wait()
	for range pods {
		require.NoError(t, <-errs)
	}
	build(t, user, "parents", 0, time.Minute)
	counts := map[string]int{}
	for _, record := range read(t, user, &trafficpb.ReadRequest{Snapshot: ref("parents"), Direction: trafficpb.Direction_DIRECTION_OUTBOUND}) {
		var pod, n int
		_, err := fmt.Sscanf(record.GetId(), "out-%d-%d", &pod, &n)
		require.NoError(t, err)
		known := pod == 0 || n%2 == 0 || n == 0
		if known {
			require.Equal(t, fmt.Sprintf("in-%d-%d", pod, n), record.GetParent())
			counts["linked"]++
		} else {
			require.Empty(t, record.GetParent(), record.GetId())
			counts["ambiguous"]++
		}
	}
	require.Equal(t, map[string]int{"linked": requests + (pods-1)*requests/2, "ambiguous": (pods - 1) * requests / 2}, counts)
}

func TestLossesMarkRequests(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	second := auth.Pod{Namespace: "shop", Name: "front-2", UID: "uid-front-2"}
	inbound, outbound := trafficpb.Direction_DIRECTION_INBOUND, trafficpb.Direction_DIRECTION_OUTBOUND
	loss := func(direction trafficpb.Direction, count uint64, from, to time.Duration) *trafficpb.Loss {
		return &trafficpb.Loss{Workload: "front", Direction: direction, Count: count, From: at(from), To: at(to), Reason: "queue full"}
	}
	incomplete := call(5, 20*time.Second, 21*time.Second)
	incomplete.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_CUT_OFF}
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{
		Records: []*trafficpb.Record{
			call(1, 1*time.Second, 2*time.Second),   // ends as the loss begins
			call(2, 2*time.Second+1, 3*time.Second), // in the middle of it
			call(3, 4*time.Second+1, 5*time.Second), // begins after it
			call(4, 10*time.Second, 11*time.Second), // only inbound calls were lost
			incomplete,
		},
		Losses: []*trafficpb.Loss{
			loss(outbound, 2, 2*time.Second, 3*time.Second), loss(outbound, 3, 2500*time.Millisecond, 4*time.Second),
			loss(inbound, 10, 10*time.Second, 11*time.Second),
			loss(outbound, 100, 2*time.Minute, 3*time.Minute), // after the window
		},
		LossSequence: 1,
	}))
	// The other pod lost nothing.
	other := call(1, 2*time.Second, 3*time.Second)
	other.Id = "other"
	require.NoError(t, push(server.DialPod(t, second), &trafficpb.PushRequest{Records: []*trafficpb.Record{other}}))

	manifest := build(t, user, "losses", 0, time.Minute)
	marked := map[string]bool{}
	for _, record := range read(t, user, &trafficpb.ReadRequest{Snapshot: ref("losses")}) {
		marked[record.GetId()] = record.GetNotReplayable()
	}
	require.Equal(t, map[string]bool{
		call(1, 0, 0).GetId(): true, call(2, 0, 0).GetId(): true, call(3, 0, 0).GetId(): false,
		call(4, 0, 0).GetId(): false, incomplete.GetId(): false, "other": false,
	}, marked)
	require.EqualValues(t, 2, manifest.GetNotReplayable())
	require.EqualValues(t, 15, manifest.GetDropped())
	require.EqualValues(t, 1, manifest.GetIncomplete())
}

func TestBuildIsIdempotentAndDeleteForgets(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	proxy := server.DialPod(t, frontPod)
	require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: []*trafficpb.Record{call(1, 0, 1)}}))
	first := build(t, user, "s", 0, time.Minute)
	require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: []*trafficpb.Record{call(2, 0, 1)}}))
	require.True(t, proto.Equal(first, build(t, user, "s", 0, time.Minute)))
	server.Restart(t)
	user = server.DialUser(t, "controller")
	require.True(t, proto.Equal(first, build(t, user, "s", 0, time.Minute)))
	require.NotEqual(t, first.GetContentHash(), build(t, user, "s2", 0, time.Minute).GetContentHash())
	require.Equal(t, build(t, user, "s2", 0, time.Minute).GetContentHash(), build(t, user, "s3", 0, time.Minute).GetContentHash())

	// The same uid under another name is another object: rights may be bound to names.
	client := trafficpb.NewSnapshotsClient(user)
	impostor := &trafficpb.ObjectRef{Namespace: "shop", Name: "impostor", Uid: ref("s").GetUid()}
	_, err := client.GetManifest(t.Context(), impostor)
	require.Equal(t, codes.NotFound, status.Code(err))
	_, err = client.Build(t.Context(), &trafficpb.BuildRequest{Snapshot: impostor, Workload: "front", To: at(time.Minute)})
	require.Equal(t, codes.AlreadyExists, status.Code(err))
	_, err = client.Delete(t.Context(), impostor)
	require.NoError(t, err)
	manifest, err := client.GetManifest(t.Context(), ref("s"))
	require.NoError(t, err)
	require.True(t, proto.Equal(first, manifest))

	for range 2 {
		_, err = client.Delete(t.Context(), ref("s"))
		require.NoError(t, err)
	}
	_, err = client.GetManifest(t.Context(), ref("s"))
	require.Equal(t, codes.NotFound, status.Code(err))
	err = dial.EachRecord(t.Context(), user, &trafficpb.ReadRequest{Snapshot: ref("s")}, func(*trafficpb.Record) error { return nil })
	require.Equal(t, codes.NotFound, status.Code(err))
	require.Len(t, read(t, user, &trafficpb.ReadRequest{Snapshot: ref("s2")}), 2)
}

func TestConcurrentBuildsOfOneSnapshotAreOne(t *testing.T) {
	server := forwardertest.Start(t)
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{Records: []*trafficpb.Record{call(1, 0, 1)}}))
	client := trafficpb.NewSnapshotsClient(server.DialUser(t, "controller"))
	manifests := make(chan *trafficpb.Manifest, 8)
	for range cap(manifests) {
		go func() {
			manifest, _ := client.Build(t.Context(), &trafficpb.BuildRequest{Snapshot: ref("one"), Workload: "front", From: at(0), To: at(time.Minute)})
			manifests <- manifest
		}()
	}
	first := <-manifests
	require.NotNil(t, first)
	for range cap(manifests) - 1 {
		require.True(t, proto.Equal(first, <-manifests))
	}
}

func TestReadPages(t *testing.T) {
	server := forwardertest.Start(t)
	user := server.DialUser(t, "controller")
	proxy := server.DialPod(t, frontPod)
	const count = 60
	body := make([]byte, 128<<10) // some records make a message of the stream
	_, _ = rand.Read(body)
	var batch []*trafficpb.Record
	for n := uint64(1); n <= count; n++ {
		record := call(n, time.Duration(n)*time.Second/10, time.Duration(n)*time.Second/10+1)
		if n%3 == 0 {
			record = outboundCall(n, time.Duration(n)*time.Second/10, time.Duration(n)*time.Second/10+1)
		}
		record.Response.Body, record.Response.BodyLength = body, int64(len(body))
		if batch = append(batch, record); n%20 == 0 { // a sealed file each
			require.NoError(t, push(proxy, &trafficpb.PushRequest{Records: batch}))
			build(t, user, fmt.Sprintf("seal-%d", n), 0, 1)
			batch = nil
		}
	}
	build(t, user, "pages", 0, time.Minute)
	want := func(keep func(n uint64) bool) []uint64 {
		var out []uint64
		for n := uint64(1); n <= count; n++ {
			if keep(n) {
				out = append(out, n)
			}
		}
		return out
	}
	isOutbound := func(n uint64) bool { return n%3 == 0 }
	all := want(func(uint64) bool { return true })
	for name, test := range map[string]struct {
		request *trafficpb.ReadRequest
		want    []uint64
	}{
		"all":            {&trafficpb.ReadRequest{}, all},
		"limit":          {&trafficpb.ReadRequest{Limit: 7}, all[:7]},
		"start":          {&trafficpb.ReadRequest{Start: 33}, all[33:]},
		"page":           {&trafficpb.ReadRequest{Start: 33, Limit: 9}, all[33:42]},
		"beyond the end": {&trafficpb.ReadRequest{Start: 1000}, nil},
		"direction":      {&trafficpb.ReadRequest{Direction: trafficpb.Direction_DIRECTION_OUTBOUND}, want(isOutbound)},
		"page of a key":  {&trafficpb.ReadRequest{Keys: []string{"back:9898"}, Start: 15, Limit: 4}, want(isOutbound)[5:9]},
		"filter":         {&trafficpb.ReadRequest{Filter: &trafficpb.Filter{Key: "back", Until: at(3 * time.Second)}}, want(func(n uint64) bool { return isOutbound(n) && n < 30 })},
		"keys":           {&trafficpb.ReadRequest{Keys: []string{"back:9898", "front:9898"}}, all},
		"nothing":        {&trafficpb.ReadRequest{Keys: []string{"back:9898"}, Direction: trafficpb.Direction_DIRECTION_INBOUND}, nil},
	} {
		test.request.Snapshot = ref("pages")
		require.Equal(t, test.want, ids(read(t, user, test.request)), name)
	}
	require.Equal(t, body, read(t, user, &trafficpb.ReadRequest{Snapshot: ref("pages"), Start: 59})[0].GetResponse().GetBody())

	err := dial.EachRecord(t.Context(), user, &trafficpb.ReadRequest{Snapshot: ref("pages"), Keys: []string{"bakc:9898"}}, nil)
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.ErrorContains(t, err, `keys[0]: "bakc:9898" is not a slice of the snapshot, which has: front:9898, back:9898`)
	for want, filter := range map[string]*trafficpb.Filter{
		`key: no slice matches "bakc"`: {Key: "bakc"}, `status: "ok" must be`: {Status: []string{"ok"}},
	} {
		err := dial.EachRecord(t.Context(), user, &trafficpb.ReadRequest{Snapshot: ref("pages"), Filter: filter}, nil)
		require.Equal(t, codes.InvalidArgument, status.Code(err))
		require.ErrorContains(t, err, want)
	}
	for name, request := range map[string]*trafficpb.ReadRequest{
		"by number": {Limit: 7}, "by bytes": {MaxBytes: 3 * uint64(len(body))}, "by time": {MaxMilliseconds: 1},
		"of a few": {Limit: 3, Keys: []string{"back:9898"}}, "filtered": {Limit: 4, Filter: &trafficpb.Filter{Key: "front", Since: at(time.Second)}},
		"up to a time": {Limit: 4, Filter: &trafficpb.Filter{Until: at(2 * time.Second)}},
	} {
		request.Snapshot = ref("pages")
		require.Equal(t, ids(read(t, user, &trafficpb.ReadRequest{Snapshot: request.Snapshot, Keys: request.Keys, Filter: request.Filter})),
			ids(readPages(t, user, request)), name)
	}
	stop := fmt.Errorf("enough")
	require.ErrorIs(t, dial.EachRecord(t.Context(), user, &trafficpb.ReadRequest{Snapshot: ref("pages")},
		func(*trafficpb.Record) error { return stop }), stop)
}

// readPages follows the pages of a request to the end.
func readPages(t *testing.T, conn *grpc.ClientConn, request *trafficpb.ReadRequest) (records []*trafficpb.Record) {
	t.Helper()
	for pages := 0; ; pages++ {
		require.Less(t, pages, 1000, "the pages have no end")
		next, err := dial.ReadPage(t.Context(), conn, request, func(record *trafficpb.Record) error {
			records = append(records, record)
			return nil
		})
		require.NoError(t, err)
		if next == 0 {
			require.NotZero(t, pages, "it was one page only")
			return records
		}
		request.Start = next
	}
}
