// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// startDelay lies between the decision to start and the first intended start.
	startDelay = 50 * time.Millisecond
	// maxUnjudged answers wait for their comparison; when there are more, connections wait too, and are late.
	maxUnjudged = 256
	// spareThreads more than usual may run Go code, so that a thread that compares bodies cannot keep the pacer's
	// from waking up: the kernel shares the processors out sooner than the runtime would.
	spareThreads = 2
)

// result is what came of one request.
type result struct {
	*request
	response *http1.Message // nil when there was none
	failure  string         // why
	// released and sent are the lateness of report.Lateness, latency is from the intended start to the end.
	released, sent, latency time.Duration
}

// engine sends a plan.
type engine struct {
	plan    *plan
	timeout time.Duration // of one request
	workers []*worker     // by connection
	results chan result
	sent    atomic.Int64
	errors  atomic.Int64
}

func newEngine(p *plan, timeout time.Duration) *engine {
	e := &engine{plan: p, timeout: timeout, workers: make([]*worker, p.connections), results: make(chan result, maxUnjudged)}
	for i := range e.workers {
		e.workers[i] = &worker{engine: e}
	}
	for _, q := range p.requests {
		w := e.workers[q.connection]
		w.size++
		w.streams = w.streams || isHTTP2(q.record)
	}
	return e
}

// run sends the requests at their times and hands each result to add, one after the other. It returns when all have ended
// or the context has, and how many have ended: those in the air when the context ends have not.
func (e *engine) run(ctx context.Context, add func(result)) (finished int) {
	threads := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(threads + spareThreads)
	defer runtime.GOMAXPROCS(threads)
	start := time.Now().Add(startDelay)
	offsets := make([]time.Duration, len(e.plan.requests))
	for i, q := range e.plan.requests {
		offsets[i] = q.offset
	}
	var running sync.WaitGroup
	go func() {
		newPacer(start).runLocked(ctx, offsets, func(i int) {
			q := e.plan.requests[i]
			w := e.workers[q.connection]
			if w.queue == nil {
				w.queue = make(chan *request, w.size)
				running.Go(func() { w.run(ctx, start) })
			}
			w.queue <- q // has room for all requests of the connection
		})
		running.Wait()
		close(e.results)
	}()
	for r := range e.results {
		add(r)
		finished++
	}
	return finished
}

// progress tells how far the engine is; the rate is that of the last second.
func (e *engine) progress(rate int64) *trafficpb.Progress {
	return &trafficpb.Progress{
		Sent: uint64(e.sent.Load()), Total: uint64(len(e.plan.requests)), Errors: uint64(e.errors.Load()),
		Rate: uint64(rate), Time: time.Now().UnixNano(),
	}
}
