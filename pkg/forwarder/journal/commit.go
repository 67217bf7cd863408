// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxGroupBytes ends the gathering of batches for one sync.
const maxGroupBytes = 16 << 20

// Batch is what one source sends at once, with its records and losses in the order of their sequences.
type Batch struct {
	source  Source
	records []recordItem
	losses  []lossItem
	bytes   int
	done    chan error // gets one answer; has room for it
}

type recordItem struct {
	entry    []byte
	sequence uint64
	workload Workload
	totals   Totals
}

type lossItem struct {
	entry    []byte
	sequence uint64
	workload Workload
	totals   Totals
}

// NewBatch returns an empty batch.
func NewBatch(source Source) *Batch {
	return &Batch{source: source, done: make(chan error, 1)}
}

// AddRecord adds a record that names its pod.
func (b *Batch) AddRecord(record *trafficpb.Record) error {
	entry, err := encodeRecord(record)
	if err != nil {
		return fmt.Errorf("encoding record %s: %w", record.GetId(), err)
	}
	b.records = append(b.records, recordItem{entry, record.GetSequence(), workloadOf(record), totalsOf(record)})
	b.bytes += len(entry)
	return nil
}

// AddRefused adds the loss that stands in the place of the record with that sequence.
func (b *Batch) AddRefused(sequence uint64, loss store.Loss) error {
	entry, err := encodeJSON(lossEntry, loss)
	if err != nil {
		return fmt.Errorf("encoding a loss: %w", err)
	}
	b.records = append(b.records, recordItem{entry, sequence, lossWorkload(loss), Totals{Dropped: loss.Count}})
	b.bytes += len(entry)
	return nil
}

// AddLoss adds a loss that names its pod.
func (b *Batch) AddLoss(loss store.Loss) error {
	entry, err := encodeJSON(lossEntry, loss)
	if err != nil {
		return fmt.Errorf("encoding a loss: %w", err)
	}
	b.losses = append(b.losses, lossItem{entry, loss.Sequence, lossWorkload(loss), lossTotals(loss)})
	b.bytes += len(entry)
	return nil
}

// Commit returns when all of a batch is safe on disk, except what was held before. It waits as long as the log is full.
func (j *Journal) Commit(ctx context.Context, b *Batch) error {
	select {
	case j.commits <- b:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-j.stopped:
		return errStopped
	}
	return <-b.done // the answer comes soon: the batch is taken
}

// commitLoop is the only one that writes to the log. Batches that come while it syncs are written together.
func (j *Journal) commitLoop(ctx context.Context) error {
	age := time.NewTicker(max(j.options.SealInterval/10, 10*time.Millisecond))
	defer age.Stop()
	wasFull := false
	var retryRotation time.Time
	for {
		commits := j.commits
		state := j.log.State()
		full := state.Size() >= j.options.LogLimit
		if full {
			commits = nil // senders wait, and with them the proxies
		}
		if full && !wasFull {
			klog.FromContext(ctx).Info("The log is full; proxies wait until some of it is sealed", "bytes", state.Size(), "limit", j.options.LogLimit)
		}
		wasFull = full
		select {
		case <-ctx.Done():
			return nil
		case b := <-commits:
			j.commit(j.gather(b))
		case answer := <-j.rotations:
			answer <- j.rotateUnlessEmpty()
		case <-j.released:
		case <-age.C:
		}
		if err := j.log.Failed(); err != nil {
			return err
		}
		if time.Now().Before(retryRotation) {
			continue
		}
		if err := j.rotateWhenDue(); err != nil {
			klog.FromContext(ctx).Error(err, "Closing a segment of the log failed; it will be tried again", "after", firstRetry)
			retryRotation = time.Now().Add(firstRetry)
		}
	}
}

// gather takes all batches that wait.
func (j *Journal) gather(first *Batch) []*Batch {
	group, size := []*Batch{first}, first.bytes
	for size < maxGroupBytes {
		select {
		case b := <-j.commits:
			group, size = append(group, b), size+b.bytes
		default:
			return group
		}
	}
	return group
}

func (j *Journal) commit(group []*Batch) {
	entries, fresh := j.withoutHeld(group)
	var err error
	if len(entries) > 0 {
		began := time.Now()
		err = j.log.Append(entries)
		appendDuration.Observe(time.Since(began).Seconds())
	}
	if err == nil {
		fresh.observe(entries)
		j.mu.Lock()
		for source, to := range fresh.marks {
			j.memory.advance(source, to)
		}
		for workload, more := range fresh.totals {
			j.memory.count(workload, more)
			j.rates.set(workload, j.rates.get(workload).plus(more.Records, time.Now()))
		}
		j.mu.Unlock()
	}
	for _, b := range group {
		b.done <- err
	}
}

// fresh is what a group adds to the memory once it is safe.
type fresh struct {
	marks  map[Source]mark
	totals map[Workload]Totals
	held   int // records that were held before
}

// withoutHeld returns the entries of a group that are not held yet, and what they add.
func (j *Journal) withoutHeld(group []*Batch) ([][]byte, fresh) {
	var entries [][]byte
	add := fresh{marks: make(map[Source]mark), totals: make(map[Workload]Totals)}
	for _, b := range group {
		at, ok := add.marks[b.source]
		if !ok {
			at = j.memory.marks.get(b.source) // only this goroutine writes it
		}
		for _, r := range b.records {
			if r.sequence <= at.Record {
				add.held++
				continue
			}
			at.Record = r.sequence
			entries = append(entries, r.entry)
			add.totals[r.workload] = add.totals[r.workload].plus(r.totals)
		}
		for _, l := range b.losses {
			if l.sequence <= at.Loss {
				continue
			}
			at.Loss = l.sequence
			entries = append(entries, l.entry)
			add.totals[l.workload] = add.totals[l.workload].plus(l.totals)
		}
		add.marks[b.source] = at
	}
	return entries, add
}

// rotateWhenDue closes the segment when it is large or old enough to be sealed.
func (j *Journal) rotateWhenDue() error {
	state := j.log.State()
	due := state.Current.Size >= j.options.SealBytes || state.Raw >= rawFactor*j.options.SealBytes ||
		time.Since(state.Began) >= j.options.SealInterval
	if !due {
		return nil
	}
	return j.rotateUnlessEmpty()
}

func (j *Journal) rotateUnlessEmpty() error {
	if j.log.State().Raw == 0 {
		return nil
	}
	checkpoint, err := j.memory.checkpoint()
	if err != nil {
		return err
	}
	if err := j.log.Rotate(checkpoint); err != nil {
		return err
	}
	j.wakeSealer()
	return nil
}
