// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// operation does one thing; i counts from 0 and is never given twice.
type operation func(ctx context.Context, i int) error

// measured is what a number of operations took.
type measured struct {
	latencies []time.Duration
	cpu       time.Duration // of all servers together
}

func (m *measured) quantile(q float64) time.Duration {
	slices.Sort(m.latencies)
	return m.latencies[min(int(q*float64(len(m.latencies))), len(m.latencies)-1)]
}

// cpuEach is the processor time of one operation.
func (m *measured) cpuEach() time.Duration {
	return m.cpu / time.Duration(len(m.latencies))
}

// alternate runs batches of the operations in turn, so that whatever else the machine does falls on all of them. The order is another in
// each round, and the same in each run: what servers still do for one batch falls into the next, which is not always the same one.
func (b *bench) alternate(ctx context.Context, clients int, operations ...operation) ([]*measured, error) {
	results := make([]*measured, len(operations))
	for i := range results {
		results[i] = &measured{}
	}
	order := rand.New(rand.NewPCG(0, 0))
	// The first round warms up and does not count.
	for round := range b.rounds + 1 {
		for _, which := range order.Perm(len(operations)) {
			m, err := b.batch(ctx, clients, round*b.batchSize, operations[which])
			if err != nil {
				return nil, err
			}
			if round > 0 {
				results[which].latencies = append(results[which].latencies, m.latencies...)
				results[which].cpu += m.cpu
			}
		}
	}
	return results, nil
}

func (b *bench) batch(ctx context.Context, clients, first int, do operation) (*measured, error) {
	before, err := cpu(b.servers)
	if err != nil {
		return nil, err
	}
	m := &measured{latencies: make([]time.Duration, b.batchSize)}
	group, ctx := errgroup.WithContext(ctx)
	for client := range clients {
		group.Go(func() error {
			for i := client; i < b.batchSize; i += clients {
				start := time.Now()
				if err := do(ctx, first+i); err != nil {
					return fmt.Errorf("operation %d: %w", first+i, err)
				}
				m.latencies[i] = time.Since(start)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	after, err := cpu(b.servers)
	m.cpu = after - before
	return m, err
}

func cpu(processes []*controlplane.Process) (sum time.Duration, err error) {
	for _, process := range processes {
		used, err := process.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}
