// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/forwarder/wal"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// sealState tells those who wait for the sealer how it goes.
type sealState struct {
	changed  chan struct{} // closed and replaced after each try
	failures int           // since the start
	err      error         // of the last try
}

// SealAll returns when all that was committed before is in storage.
func (j *Journal) SealAll(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case j.rotations <- answer:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-j.stopped:
		return errStopped
	}
	if err := <-answer; err != nil {
		return err
	}
	waiting := j.log.State().Closed
	j.mu.Lock()
	failures := j.sealed.failures
	j.mu.Unlock()
	j.wakeSealer()
	for {
		j.mu.Lock()
		state := j.sealed
		j.mu.Unlock()
		closed := j.log.State().Closed
		if !slices.ContainsFunc(closed, func(s wal.Segment) bool {
			return slices.ContainsFunc(waiting, func(w wal.Segment) bool { return w.ID == s.ID })
		}) {
			return nil
		}
		if state.failures > failures {
			return state.err
		}
		select {
		case <-state.changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-j.stopped:
			return errStopped
		}
	}
}

func (j *Journal) wakeSealer() {
	select {
	case j.sealNow <- struct{}{}:
	default: // it is awake already
	}
}

// sealLoop seals closed segments, oldest first, until the context ends. A failure is tried again, and holds up the rest.
func (j *Journal) sealLoop(ctx context.Context) error {
	retry := firstRetry
	for {
		var again <-chan time.Time
		if err := j.sealClosed(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Sealing the log failed; it will be tried again", "after", retry)
			again = time.After(retry)
			retry = min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-j.sealNow:
		case <-again:
		}
	}
}

func (j *Journal) sealClosed(ctx context.Context) error {
	for {
		closed := j.log.State().Closed
		if len(closed) == 0 {
			return nil
		}
		began := time.Now()
		err := j.sealSegment(ctx, closed[0])
		observeSeal(began, err)
		j.mu.Lock()
		j.sealed.err = err
		if err != nil {
			j.sealed.failures++
		}
		close(j.sealed.changed)
		j.sealed.changed = make(chan struct{})
		j.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case j.released <- struct{}{}:
		default:
		}
	}
}

// sealSegment writes what a segment has into files and then releases it. The names of the files come from the segment, so
// that when it is sealed again, after a crash in between, they are replaced by the same ones.
func (j *Journal) sealSegment(ctx context.Context, segment wal.Segment) error {
	records, losses, damage := readSegment(segment)
	if damage != nil && !errors.Is(damage, wal.ErrCorrupt) {
		return damage
	}
	for workload, list := range records {
		if err := j.sealRecords(ctx, workload, segment.ID, list); err != nil {
			return err
		}
	}
	for workload, list := range losses {
		first := slices.MinFunc(list, func(a, b store.Loss) int { return cmp.Compare(a.From, b.From) }).From
		if err := store.WriteLosses(ctx, j.options.Bucket, store.LossesKey(workload.Namespace, workload.Name, first, segment.ID), list); err != nil {
			return err
		}
	}
	klog.FromContext(ctx).V(2).Info("Sealed a segment of the log", "segment", segment.ID, "bytes", segment.Size,
		"workloads", slices.Collect(maps.Keys(records)))
	if damage != nil {
		klog.FromContext(ctx).Error(damage, "A damaged segment of the log is set aside; what came after the damage is lost", "segment", segment.Path)
		return j.log.SetAside(segment)
	}
	return j.log.Release(segment)
}

func (j *Journal) sealRecords(ctx context.Context, workload Workload, id string, records []*trafficpb.Record) error {
	slices.SortFunc(records, func(a, b *trafficpb.Record) int {
		return cmp.Or(cmp.Compare(traffic.Start(a), traffic.Start(b)), strings.Compare(a.GetId(), b.GetId()))
	})
	key := store.TrafficKey(workload.Namespace, workload.Name, traffic.Start(records[0]), id)
	var written counting
	err := store.Put(ctx, j.options.Bucket, key, func(out io.Writer) error {
		written = counting{out: out}
		writer := store.NewWriter(&written)
		for _, record := range records {
			if err := writer.Write(record); err != nil {
				return err
			}
		}
		return writer.Close()
	})
	if err == nil {
		filesWritten.Inc()
		fileBytes.Add(float64(written.bytes))
		j.addStored(workload, written.bytes)
	}
	return err
}

// counting counts the bytes of a file.
type counting struct {
	out   io.Writer
	bytes int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.out.Write(b)
	c.bytes += int64(n)
	return n, err
}

// readSegment reads what is to be sealed of a segment, by workload. With an error that wraps wal.ErrCorrupt it returns
// what comes before the damage.
func readSegment(segment wal.Segment) (map[Workload][]*trafficpb.Record, map[Workload][]store.Loss, error) {
	records, losses := make(map[Workload][]*trafficpb.Record), make(map[Workload][]store.Loss)
	err := wal.Read(segment, func(entry []byte) error {
		e, err := decode(entry)
		switch {
		case err != nil:
			return err
		case e.record != nil:
			workload := workloadOf(e.record)
			records[workload] = append(records[workload], e.record)
		case e.loss != nil && !e.loss.LeftOut: // what was left out is in the totals alone
			workload := lossWorkload(*e.loss)
			losses[workload] = append(losses[workload], *e.loss)
		}
		return nil
	})
	if err != nil {
		return records, losses, fmt.Errorf("sealing the log: %w", err)
	}
	return records, losses, nil
}
