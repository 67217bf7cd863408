// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func record(id string, start int64) *trafficpb.Record {
	return &trafficpb.Record{
		Id: id, Namespace: "shop", Workload: "front", Direction: trafficpb.Direction_DIRECTION_INBOUND,
		Request: &trafficpb.Message{FirstByte: start},
	}
}

func bucketWith(t *testing.T, files ...[]*trafficpb.Record) (*blob.Bucket, []store.File) {
	bucket, err := store.OpenBucket(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	for n, records := range files {
		key := store.TrafficKey("shop", "front", records[0].GetRequest().GetFirstByte(), fmt.Sprint(n))
		require.NoError(t, store.Put(t.Context(), bucket, key, func(out io.Writer) error {
			writer := store.NewWriter(out)
			for _, r := range records {
				if err := writer.Write(r); err != nil {
					return err
				}
			}
			return writer.Close()
		}))
	}
	list, err := store.ListTraffic(t.Context(), bucket, "shop", "front")
	require.NoError(t, err)
	require.Len(t, list, len(files))
	return bucket, list
}

func merged(t *testing.T, bucket *blob.Bucket, files []store.File, from, to int64) string {
	out := ""
	for r, err := range merge(t.Context(), bucket, files, from, to) {
		require.NoError(t, err)
		out += r.GetId()
	}
	return out
}

func TestMerge(t *testing.T) {
	const ms = int64(time.Millisecond)
	bucket, files := bucketWith(t,
		[]*trafficpb.Record{record("a", 10*ms+5), record("d", 40*ms), record("g", 70*ms)},
		[]*trafficpb.Record{record("b", 10*ms+7), record("c", 30*ms), record("d", 40*ms)}, // d is in two files
		[]*trafficpb.Record{record("e", 50*ms), record("f", 60*ms)},
		[]*trafficpb.Record{record("z", 1000*ms)},
	)
	require.Equal(t, "abcdefgz", merged(t, bucket, files, 0, math.MaxInt64))
	require.Equal(t, "abcdefg", merged(t, bucket, files, 0, 1000*ms))   // the last file begins too late
	require.Equal(t, "adefg", merged(t, bucket, files, 41*ms, 1000*ms)) // one file ends too early; one starts before
	sealed := files[0].Sealed.Add(clockSkew).UnixNano()
	require.Empty(t, merged(t, bucket, files, sealed+int64(time.Minute), math.MaxInt64))

	require.NoError(t, bucket.Delete(t.Context(), files[2].Key)) // by retention
	require.Equal(t, "abcdgz", merged(t, bucket, files, 0, math.MaxInt64))
	require.NoError(t, bucket.WriteAll(t.Context(), files[3].Key, []byte("no Parquet"), nil))
	var last error
	for _, err := range merge(t.Context(), bucket, files, 0, math.MaxInt64) {
		last = err
	}
	require.ErrorContains(t, last, files[3].Key)
}

func TestCutWritesSeveralFiles(t *testing.T) {
	var records []*trafficpb.Record
	for n := range 100 {
		records = append(records, record(fmt.Sprintf("%03d", n), int64(1+n)))
	}
	bucket, _ := bucketWith(t, records)
	request := &trafficpb.BuildRequest{
		Snapshot: &trafficpb.ObjectRef{Namespace: "shop", Name: "s", Uid: "u"}, Workload: "front", To: math.MaxInt64,
	}
	manifest, err := cut(t.Context(), bucket, request, 30*proto.Size(records[99]))
	require.NoError(t, err)
	require.Equal(t, []string{"records-0.parquet", "records-1.parquet", "records-2.parquet", "records-3.parquet"}, manifest.GetFiles())
	require.EqualValues(t, 100, manifest.GetInbound())

	// What one cut leaves the next one takes away.
	manifest, err = cut(t.Context(), bucket, request, fileBytes)
	require.NoError(t, err)
	require.Len(t, manifest.GetFiles(), 1)
	exists, err := bucket.Exists(t.Context(), "snapshots/shop/u/records-1.parquet")
	require.NoError(t, err)
	require.False(t, exists)
}

func TestCutEndsWithTheErrorOfAFile(t *testing.T) {
	bucket, files := bucketWith(t, []*trafficpb.Record{record("a", 1)}, []*trafficpb.Record{record("b", int64(time.Second))})
	require.NoError(t, bucket.WriteAll(t.Context(), files[1].Key, []byte("no Parquet"), nil))
	for _, limit := range []int{1, fileBytes} { // the error comes between two files, or within one
		_, err := cut(t.Context(), bucket, &trafficpb.BuildRequest{
			Snapshot: &trafficpb.ObjectRef{Namespace: "shop", Name: "s", Uid: "u"}, Workload: "front", To: math.MaxInt64,
		}, limit)
		require.ErrorContains(t, err, files[1].Key)
		exists, err := bucket.Exists(t.Context(), "snapshots/shop/u/manifest.json")
		require.NoError(t, err)
		require.False(t, exists)
	}
}

func TestSpans(t *testing.T) {
	s := spans{{30, 40}, {1, 5}, {4, 10}, {5, 6}}.joined()
	require.Equal(t, spans{{1, 10}, {30, 40}}, s)
	for _, test := range []struct {
		from, to int64
		want     bool
	}{{0, 0, false}, {0, 1, true}, {10, 10, true}, {11, 29, false}, {11, 30, true}, {35, 36, true}, {0, 100, true}, {41, 100, false}} {
		require.Equal(t, test.want, s.touch(test.from, test.to), "%v", test)
	}
	require.False(t, spans(nil).touch(0, 100))
}
