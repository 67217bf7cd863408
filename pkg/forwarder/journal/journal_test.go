// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

type fixture struct {
	*Journal
	dir     string // of the log
	storage string
	bucket  *blob.Bucket
	stop    func()
}

// start runs a journal until the test ends or stop is called.
func start(t testing.TB, dir string, change func(*Options)) *fixture {
	f := &fixture{dir: filepath.Join(dir, "log"), storage: filepath.Join(dir, "storage")}
	var err error
	f.bucket, err = store.OpenBucket(context.Background(), "file://"+f.storage)
	require.NoError(t, err)
	options := Options{Dir: f.dir, Bucket: f.bucket, SealInterval: time.Hour, SealBytes: 16 << 20, LogLimit: 1 << 30}
	if change != nil {
		change(&options)
	}
	f.Journal, err = Open(context.Background(), options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(f.stop)
	return f
}

func record(sequence uint64, body []byte) *trafficpb.Record {
	return &trafficpb.Record{
		Id: fmt.Sprintf("id-%d", sequence), Sequence: sequence, ProxyInstance: "p", PodUid: "u", Namespace: "shop", Workload: "front",
		Direction: trafficpb.Direction_DIRECTION_INBOUND, Port: 1,
		Request: &trafficpb.Message{Head: []byte("x"), Body: body, BodyLength: int64(len(body)), FirstByte: int64(1000 - sequence)},
	}
}

func commit(ctx context.Context, j *Journal, records ...*trafficpb.Record) error {
	b := NewBatch(Source{"u", "p"})
	for _, r := range records {
		if err := b.AddRecord(r); err != nil {
			return err
		}
	}
	return j.Commit(ctx, b)
}

// sealed returns the ids of all sealed records, by file.
func (f *fixture) sealed(t *testing.T) [][]string {
	files, err := store.ListTraffic(t.Context(), f.bucket, "shop", "front")
	require.NoError(t, err)
	var out [][]string
	for _, file := range files {
		reader, err := store.Open(t.Context(), f.bucket, file.Key)
		require.NoError(t, err)
		var ids []string
		for {
			r, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			ids = append(ids, r.GetId())
		}
		require.NoError(t, reader.Close())
		out = append(out, ids)
	}
	return out
}

func TestSegmentsAreSealedBySizeInOrderOfTime(t *testing.T) {
	f := start(t, t.TempDir(), func(o *Options) { o.SealBytes = 4 << 10 })
	body := make([]byte, 5<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(body)
	require.NoError(t, commit(t.Context(), f.Journal, record(1, nil), record(2, body))) // the later one starts earlier
	require.Eventually(t, func() bool { return len(f.log.State().Closed) == 0 && len(f.sealed(t)) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, [][]string{{"id-2", "id-1"}}, f.sealed(t))
	require.NoError(t, commit(t.Context(), f.Journal, record(3, nil)))
	require.Len(t, f.sealed(t), 1)
	require.NoError(t, f.SealAll(t.Context()))
	require.Len(t, f.sealed(t), 2)
}

func TestProxiesWaitWhileTheStorageFails(t *testing.T) {
	f := start(t, t.TempDir(), func(o *Options) { o.SealBytes, o.LogLimit = 4<<10, 8<<10 })
	require.NoError(t, os.RemoveAll(f.storage))
	require.NoError(t, os.WriteFile(f.storage, nil, 0o600)) // in the way of every write
	body := make([]byte, 9<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(body)
	require.NoError(t, commit(t.Context(), f.Journal, record(1, body)))
	require.Error(t, f.SealAll(t.Context()))

	waiting, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, commit(waiting, f.Journal, record(2, body)), context.DeadlineExceeded)

	require.NoError(t, os.Remove(f.storage))
	require.NoError(t, commit(t.Context(), f.Journal, record(2, body))) // as soon as the sealer has tried again
	require.NoError(t, f.SealAll(t.Context()))
	require.ElementsMatch(t, [][]string{{"id-1"}, {"id-2"}}, f.sealed(t))
}

func TestSealingAgainAfterACrashReplacesTheFile(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, nil)
	require.NoError(t, commit(t.Context(), f.Journal, record(1, nil)))
	crashed := t.TempDir() // as it is before the segment is released
	require.NoError(t, os.CopyFS(filepath.Join(crashed, "log"), os.DirFS(f.dir)))
	require.NoError(t, f.SealAll(t.Context()))
	require.NoError(t, os.CopyFS(filepath.Join(crashed, "storage"), os.DirFS(f.storage)))
	f.stop()

	f = start(t, crashed, nil)
	require.NoError(t, f.SealAll(t.Context()))
	require.Equal(t, [][]string{{"id-1"}}, f.sealed(t))
	require.EqualValues(t, 1, f.Totals(Workload{"shop", "front"}).Records)
}

func TestDamagedSegmentIsSealedAsFarAsItIsWhole(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, nil)
	require.NoError(t, commit(t.Context(), f.Journal, record(1, nil)))
	first := f.log.State().Current
	require.NoError(t, commit(t.Context(), f.Journal, record(2, nil)))
	f.stop()
	data, err := os.ReadFile(first.Path)
	require.NoError(t, err)
	data[first.Size+13] ^= 1
	require.NoError(t, os.WriteFile(first.Path, data, 0o600))
	// A later segment, so that the damage is not taken for a torn end.
	later := filepath.Join(f.dir, "0000000000000009-01J00000000000000000000000.wal")
	require.NoError(t, os.WriteFile(later, []byte("restage1"), 0o600))

	f = start(t, dir, nil)
	require.NoError(t, f.SealAll(t.Context()))
	require.Equal(t, [][]string{{"id-1"}}, f.sealed(t))
	require.FileExists(t, first.Path+".corrupt")
}

func TestConcurrentCommits(t *testing.T) {
	f := start(t, t.TempDir(), func(o *Options) { o.SealBytes = 64 << 10 })
	const sources, batches = 16, 50
	var senders sync.WaitGroup
	errs := make(chan error, sources*batches)
	for s := range sources {
		senders.Go(func() {
			for n := range batches {
				b := NewBatch(Source{fmt.Sprint(s), "p"})
				r := record(uint64(n+1), make([]byte, 100))
				r.PodUid, r.Id = fmt.Sprint(s), fmt.Sprintf("%d-%d", s, n)
				errs <- errors.Join(b.AddRecord(r), f.Commit(context.Background(), b))
			}
		})
	}
	senders.Wait()
	for range sources * batches {
		require.NoError(t, <-errs)
	}
	require.NoError(t, f.SealAll(t.Context()))
	seen := map[string]bool{}
	for _, file := range f.sealed(t) {
		for _, id := range file {
			require.False(t, seen[id], id)
			seen[id] = true
		}
	}
	require.Len(t, seen, sources*batches)
	require.EqualValues(t, sources*batches, f.Totals(Workload{"shop", "front"}).Records)
}

func TestRecentForgetsWhatIsOldest(t *testing.T) {
	r := newRecent[string, int](2)
	r.set("a", 1)
	r.set("b", 2)
	r.set("a", 3)
	r.set("c", 4)
	require.Zero(t, r.get("b"))
	var keys []string
	for key, value := range r.all() {
		keys = append(keys, fmt.Sprint(key, value))
	}
	require.Equal(t, []string{"a3", "c4"}, keys)
}

// BenchmarkCommit commits batches of 512 records from eight sources at once; each waits for its sync.
func BenchmarkCommit(b *testing.B) {
	f := start(b, b.TempDir(), nil)
	body := make([]byte, 1000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(body[:300])
	var records []*trafficpb.Record
	for n := range 512 {
		records = append(records, record(uint64(n+1), body))
	}
	b.ReportAllocs()
	b.SetParallelism(4)
	b.SetBytes(512 * 1100)
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			batch := NewBatch(Source{fmt.Sprintf("%p-%d", pb, n), "p"})
			for _, r := range records {
				if err := batch.AddRecord(r); err != nil {
					b.Error(err)
				}
			}
			if err := f.Commit(context.Background(), batch); err != nil {
				b.Error(err)
			}
		}
	})
}
