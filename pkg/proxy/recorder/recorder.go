// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package recorder queues records in memory and pushes them to the forwarder until it acknowledges them.
package recorder

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// batchDelay is the longest time that a record waits for others to join its batch.
const batchDelay = 250 * time.Millisecond

// Recorder is a bounded queue of records and losses. When it is full, new records are dropped and counted as a loss:
// dropping the newest keeps the sequence without gaps and what is already promised to the forwarder intact.
type Recorder struct {
	instance string
	limit    int64 // bytes
	slabs    *slabs

	mu           sync.Mutex
	changed      chan struct{} // closed and replaced when there is something new to send, or all is sent
	whole        []*batch      // that wait to be sent
	open         *batch        // takes records
	unsent       int64         // bytes of batches that are not acknowledged
	oldest       time.Time     // of what is in open and in losses
	losses       []*trafficpb.Loss
	sequence     uint64
	lossSequence uint64
	lostBy       map[string]uint64 // by reason; reasons are few, and all of them ours
	leftOutBy    map[string]uint64 // by reason, likewise
	redactedBy   map[string]uint64 // by class

	recorded, lost, acknowledged, bytes atomic.Uint64
}

// New returns a recorder of a proxy process that holds at most limit bytes.
func New(limit int64) *Recorder {
	r := &Recorder{
		instance: ulid.Make().String(), limit: limit, changed: make(chan struct{}), slabs: &slabs{},
		lostBy: map[string]uint64{}, leftOutBy: map[string]uint64{}, redactedBy: map[string]uint64{},
	}
	r.open = r.slabs.newBatch(r.instance)
	return r
}

// Instance returns the ULID of the proxy process.
func (r *Recorder) Instance() string { return r.instance }

// Recorded, Lost and Acknowledged count records since the start.
func (r *Recorder) Recorded() uint64     { return r.recorded.Load() }
func (r *Recorder) Lost() uint64         { return r.lost.Load() }
func (r *Recorder) Acknowledged() uint64 { return r.acknowledged.Load() }

// Bytes counts the encoded bytes of the records since the start.
func (r *Recorder) Bytes() uint64 { return r.bytes.Load() }

// Unsent returns the bytes in memory of what the forwarder has not acknowledged.
func (r *Recorder) Unsent() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unsent
}

// LostBy counts losses since the start by their reason.
func (r *Recorder) LostBy() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.lostBy)
}

// LeftOutBy counts what was left out since the start by its reason.
func (r *Recorder) LeftOutBy() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.leftOutBy)
}

// RedactedBy counts the values redacted in records since the start by their class.
func (r *Recorder) RedactedBy() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.redactedBy)
}

// Record numbers a record and queues it, or counts its loss. It keeps nothing of it: what waits is encoded, in which form it takes the least
// memory, and the collector does not look through it.
func (r *Recorder) Record(record *trafficpb.Record) {
	record.ProxyInstance = r.instance
	r.mu.Lock()
	record.Sequence = r.sequence + 1
	size := proto.Size(record)
	if r.unsent+int64(size) > r.limit {
		r.mu.Unlock()
		r.Lose(lossOf(record, "recorder full"))
		return
	}
	if !r.open.hasRoom(size) {
		r.close()
	}
	grown, err := r.open.add(record, size)
	if err != nil {
		r.mu.Unlock()
		r.Lose(lossOf(record, "not UTF-8"))
		return
	}
	defer r.mu.Unlock()
	if r.open.count == 1 && len(r.losses) == 0 {
		r.oldest = time.Now()
	}
	r.unsent += grown
	r.sequence++
	for _, redaction := range record.GetRedactions() {
		r.redactedBy[redaction.GetName()] += redaction.GetCount()
	}
	r.recorded.Add(1)
	r.bytes.Add(uint64(size))
	switch {
	case r.open.full():
		r.close()
	case r.open.count == 1:
		r.wake()
	}
}

// close has the open batch sent, and opens another.
func (r *Recorder) close() {
	r.whole = append(r.whole, r.open)
	r.open = r.slabs.newBatch(r.instance)
	r.wake()
}

func lossOf(record *trafficpb.Record, reason string) *trafficpb.Loss {
	from := record.GetRequest().GetFirstByte()
	to := max(from, record.GetRequest().GetLastByte(), record.GetResponse().GetLastByte())
	return &trafficpb.Loss{
		Direction: record.GetDirection(), Count: 1, From: from, To: to, Reason: reason, Workload: record.GetWorkload(),
	}
}

// Lose counts a loss.
func (r *Recorder) Lose(loss *trafficpb.Loss) {
	r.lost.Add(loss.GetCount())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lostBy[loss.GetReason()] += loss.GetCount()
	r.report(loss)
}

// LeaveOut counts a connection or an exchange that the capture does not want recorded.
func (r *Recorder) LeaveOut(direction trafficpb.Direction, workload, reason string) {
	now := time.Now().UnixNano()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leftOutBy[reason]++
	r.report(&trafficpb.Loss{Direction: direction, Count: 1, From: now, To: now, Reason: reason, Workload: workload, LeftOut: true})
}

// report queues a loss, with the lock held. Losses of the same reason that are not sent yet become one, so their number is bounded.
func (r *Recorder) report(loss *trafficpb.Loss) {
	for _, l := range r.losses {
		if l.GetDirection() == loss.GetDirection() && l.GetLeftOut() == loss.GetLeftOut() && l.GetReason() == loss.GetReason() && l.GetWorkload() == loss.GetWorkload() {
			l.Count += loss.GetCount()
			l.From, l.To = min(l.GetFrom(), loss.GetFrom()), max(l.GetTo(), loss.GetTo())
			return
		}
	}
	if len(r.losses) == 0 && r.open.count == 0 {
		r.oldest = time.Now()
	}
	r.losses = append(r.losses, loss)
	r.wake()
}

// Flush waits until everything recorded is acknowledged, or the context ends.
func (r *Recorder) Flush(ctx context.Context) error {
	for {
		r.mu.Lock()
		done, changed := r.unsent == 0 && len(r.losses) == 0, r.changed
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next waits for a batch: until it is full or its first record has waited long enough.
func (r *Recorder) next(ctx context.Context) (*batch, error) {
	for {
		b, wait, changed := r.take()
		if b != nil {
			return b, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
		timer.Stop()
	}
}

// take returns a batch when one is due, else how long to wait at most.
func (r *Recorder) take() (*batch, time.Duration, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b *batch
	switch {
	case len(r.whole) > 0:
		b, r.whole[0] = r.whole[0], nil // the array behind lives on
		r.whole = r.whole[1:]
	case r.open.count == 0 && len(r.losses) == 0:
		return nil, time.Hour, r.changed
	default:
		if wait := batchDelay - time.Since(r.oldest); wait > 0 {
			return nil, wait, r.changed
		}
		b, r.open = r.open, r.slabs.newBatch(r.instance)
	}
	if len(r.losses) > 0 {
		b.losses, b.lossSequence = r.losses, r.lossSequence+1
		r.lossSequence += uint64(len(r.losses))
		r.losses = nil
		b.size += lossesSize
		r.unsent += lossesSize
	}
	b.seal()
	return b, 0, nil
}

// done takes note that a batch is safe.
func (r *Recorder) done(b *batch) {
	r.acknowledged.Add(uint64(b.count))
	b.free()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsent -= b.size
	if r.unsent == 0 {
		r.wake()
	}
}

func (r *Recorder) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}
