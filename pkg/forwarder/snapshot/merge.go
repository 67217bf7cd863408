// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"gocloud.dev/blob"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// clockSkew is how far the clocks of proxies and of storage may be apart.
const clockSkew = 5 * time.Minute

// source is one file of a merge. It is opened only when its time has come, so that few files are open at once.
type source struct {
	file   store.File
	reader *store.Reader     // nil before it is opened
	record *trafficpb.Record // next one of reader
}

// start is the start of the next record, or before it as long as the file is not open.
func (s *source) start() int64 {
	if s.reader == nil {
		return s.file.First
	}
	return traffic.Start(s.record)
}

// merge goes through the records of files in the order of their starts, each file being in that order. Files with no
// record between from and to are left out as far as that can be told; records of the others may lie outside. A record
// that is in two files comes once.
func merge(ctx context.Context, bucket *blob.Bucket, files []store.File, from, to int64) iter.Seq2[*trafficpb.Record, error] {
	return func(yield func(*trafficpb.Record, error) bool) {
		var open queue
		defer func() {
			for _, s := range open {
				s.close()
			}
		}()
		for _, file := range files {
			if file.First < to && file.Sealed.Add(clockSkew).UnixNano() >= from {
				open = append(open, &source{file: file})
			}
		}
		heap.Init(&open)
		var atStart int64
		seen := make(map[string]bool) // ids of the records that begin at atStart
		for len(open) > 0 {
			record, err := open.next(ctx, bucket, from)
			if err != nil {
				yield(nil, err)
				return
			}
			if record == nil {
				continue // a file was opened or has ended
			}
			if start := traffic.Start(record); start != atStart {
				atStart = start
				clear(seen)
			}
			if seen[record.GetId()] {
				continue
			}
			seen[record.GetId()] = true
			if !yield(record, nil) {
				return
			}
		}
	}
}

// queue is a heap of sources by start. At the same time, what is not open comes first, for its record may be the earlier
// one; then inbound records, since they cause outbound ones; then the order of the ids.
type queue []*source

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*source)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.start() != b.start() {
		return a.start() < b.start()
	}
	if a.reader == nil || b.reader == nil {
		return a.reader == nil && b.reader != nil
	}
	return cmp.Or(cmp.Compare(a.record.GetDirection(), b.record.GetDirection()), strings.Compare(a.record.GetId(), b.record.GetId())) < 0
}

// next takes the first record, or opens the first file and returns nil.
func (q *queue) next(ctx context.Context, bucket *blob.Bucket, from int64) (*trafficpb.Record, error) {
	first := (*q)[0]
	if first.reader == nil {
		reader, err := store.Open(ctx, bucket, first.file.Key)
		if store.IsNotFound(err) {
			klog.FromContext(ctx).Info("A file of traffic was removed by retention while a snapshot was cut", "key", first.file.Key)
			heap.Pop(q)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		first.reader = reader
		if reader.LastStart() < from {
			heap.Pop(q)
			first.close()
			return nil, nil
		}
	}
	record := first.record // nil when the file is just opened
	var err error
	first.record, err = first.reader.Next()
	if errors.Is(err, io.EOF) {
		heap.Pop(q)
		first.close()
		return record, nil
	}
	if err != nil {
		return nil, err
	}
	heap.Fix(q, 0)
	return record, nil
}

func (s *source) close() {
	if s.reader != nil {
		_ = s.reader.Close() // it was only read
	}
}
