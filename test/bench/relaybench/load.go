// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// measured is what a number of requests took.
type measured struct {
	latencies []time.Duration // from when a request was due
	cpu       time.Duration   // of the relay
	memory    int64           // bytes that the relay has held at the most, until then
}

func (m *measured) add(other measured) {
	m.latencies = append(m.latencies, other.latencies...)
	m.cpu += other.cpu
	m.memory = other.memory
}

func (m *measured) quantile(q float64) time.Duration {
	slices.Sort(m.latencies)
	return m.latencies[min(int(q*float64(len(m.latencies))), len(m.latencies)-1)]
}

func (m *measured) cpuEach() time.Duration { return m.cpu / time.Duration(len(m.latencies)) }

// load makes requests at a fixed rate, whether earlier ones are answered or not as long as a connection is free: what waits counts from
// when it was due.
func (b *bench) load(ctx context.Context, p protocol, r *relay, rate int) (measured, error) {
	total := int(b.turn.Seconds() * float64(rate))
	m := measured{latencies: make([]time.Duration, total)}
	clients, err := p.clients(r.address, b.connections)
	if err != nil {
		return m, err
	}
	before, err := r.cpu()
	if err != nil {
		return m, err
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for first, c := range clients {
		group.Go(func() error {
			defer c.close()
			for i := first; i < total && ctx.Err() == nil; i += len(clients) {
				due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(due))
				if err := c.exchange(); err != nil {
					return err
				}
				m.latencies[i] = time.Since(due)
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return m, err
	}
	after, err := r.cpu()
	if err != nil {
		return m, err
	}
	m.cpu = after - before
	m.memory, err = r.memory()
	r.requests += total
	return m, err
}
