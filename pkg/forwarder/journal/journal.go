// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package journal takes records and losses durably: first into a write-ahead log, from there into Parquet files.
package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/pkg/forwarder/wal"
)

// rawFactor bounds what is sealed at once, and so held in memory, for traffic that compresses very well.
const rawFactor = 4

var errStopped = errors.New("the journal has stopped")

// Options of a journal. All are required.
type Options struct {
	Dir    string // of the log
	Bucket *blob.Bucket
	// SealInterval and SealBytes, of the log on disk, say when a segment is sealed into Parquet files.
	SealInterval time.Duration
	SealBytes    int64
	// LogLimit is the size of the log, in bytes, from which on nothing is taken until some of it is sealed.
	LogLimit int64
}

// Journal keeps what it is given. Run must run for anything to happen.
type Journal struct {
	options   Options
	log       *wal.Log
	commits   chan *Batch
	rotations chan chan error
	released  chan struct{} // a segment was released; has room for one
	sealNow   chan struct{} // has room for one
	stopped   chan struct{} // closed when Run returns

	mu     sync.Mutex // of what follows; memory is written by the commit loop only
	memory *memory
	sealed sealState
	rates  *recent[Workload, rate]
	stored map[Workload]int64 // bytes in the storage
}

// Open opens the journal and recovers what the log has.
func Open(ctx context.Context, options Options) (*Journal, error) {
	if options.SealInterval <= 0 || options.SealBytes <= 0 || options.LogLimit < options.SealBytes {
		return nil, fmt.Errorf("opening the journal: seal interval %v and seal bytes %d must be positive, the log limit %d not smaller than seal bytes",
			options.SealInterval, options.SealBytes, options.LogLimit)
	}
	memory := newMemory()
	log, err := wal.Open(ctx, options.Dir, memory.learn)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		options: options, log: log, memory: memory,
		commits: make(chan *Batch), rotations: make(chan chan error),
		released: make(chan struct{}, 1), sealNow: make(chan struct{}, 1), stopped: make(chan struct{}),
		sealed: sealState{changed: make(chan struct{})}, rates: newRecent[Workload, rate](maxWorkloads), stored: make(map[Workload]int64),
	}
	checkpoint, err := memory.checkpoint()
	if err == nil {
		err = log.Rotate(checkpoint)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal: %w", err), log.Close())
	}
	return j, nil
}

// Run takes batches and seals them until the context ends or the log fails, then closes the log. What is not sealed then
// stays in the log for the next time.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.stopped)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return j.commitLoop(ctx) })
	group.Go(func() error { return j.sealLoop(ctx) })
	return errors.Join(group.Wait(), j.log.Close())
}

// Totals returns what was taken of a workload.
func (j *Journal) Totals(workload Workload) Totals {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.memory.totals.get(workload)
}

// Rate returns how many records of a workload were taken a second, over the last minute.
func (j *Journal) Rate(workload Workload) float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.rates.get(workload).perSecond(time.Now())
}

// Failed returns why nothing can be taken any more, nil when that is not so.
func (j *Journal) Failed() error { return j.log.Failed() }
