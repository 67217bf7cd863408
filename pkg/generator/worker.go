// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic"
)

// worker sends the requests of one recorded connection over one connection of its own.
type worker struct {
	engine  *engine
	size    int
	streams bool // of HTTP/2, else the requests of HTTP/1 follow each other
	queue   chan *request
	link    link
}

// run takes the requests up as they are released, until all are done or the context ends.
func (w *worker) run(ctx context.Context, start time.Time) {
	if w.streams {
		w.runStreams(ctx, start)
		return
	}
	w.runInTurn(ctx, start)
}

// runInTurn sends one request after the other.
func (w *worker) runInTurn(ctx context.Context, start time.Time) {
	defer w.link.close()
	var free time.Time // when the connection became free
	for range w.size {
		var q *request
		select {
		case q = <-w.queue:
		case <-ctx.Done():
			return
		}
		picked := time.Now()
		intended := start.Add(q.offset)
		due := intended
		if free.After(due) {
			due = free
		}
		r := w.exchange(ctx, q, picked.Add(w.engine.timeout+q.span))
		free = time.Now()
		if ctx.Err() != nil {
			return // cut short, not answered
		}
		r.released = picked.Sub(due)
		r.sent += picked.Sub(intended)
		r.latency = free.Sub(intended)
		select {
		case w.engine.results <- r:
		case <-ctx.Done():
			return
		}
	}
}

// exchange sends one request and reads its response. The result's sent is the time until the connection was open.
func (w *worker) exchange(ctx context.Context, q *request, deadline time.Time) result {
	r := result{request: q}
	picked := time.Now()
	w.engine.sent.Add(1)
	var err error
	if q.record.GetProtocol() == traffic.ProtocolWebSocket { // on the connection that the request before it opened
		r.response, err = w.link.converse(ctx, q, deadline)
	} else if err = w.link.open(ctx, q, deadline); err == nil {
		r.sent = time.Since(picked)
		r.response, err = w.speak(ctx, q, deadline)
	}
	if err != nil {
		r.response, r.failure = nil, failureOf(err)
		w.engine.errors.Add(1)
	}
	return r
}

// speak says what was recorded on the open connection and returns the response.
func (w *worker) speak(ctx context.Context, q *request, deadline time.Time) (*http1.Message, error) {
	if q.record.GetProtocol() == traffic.ProtocolOpaque {
		return w.link.talk(ctx, q, deadline)
	}
	return w.link.exchange(q)
}
