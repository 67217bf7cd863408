// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// airborne is a request of an HTTP/2 connection that is in the air.
type airborne struct {
	end  int64 // when it ended in the recording, Unix nanoseconds; 0: it did not
	done chan struct{}
}

// runStreams sends requests side by side over one connection. A request that began after another had ended in the recording waits
// for that one: it may depend on it.
func (w *worker) runStreams(ctx context.Context, start time.Time) {
	link := newHTTP2Link()
	defer link.close()
	var running sync.WaitGroup
	defer running.Wait()
	var air []airborne
	for range w.size {
		var q *request
		select {
		case q = <-w.queue:
		case <-ctx.Done():
			return
		}
		var before []airborne
		air, before = split(air, q.record.GetRequest().GetFirstByte())
		s := airborne{end: q.record.GetResponse().GetLastByte(), done: make(chan struct{})}
		air = append(air, s)
		running.Go(func() {
			defer close(s.done)
			w.sendStream(ctx, link, q, start, before)
		})
	}
}

// split leaves out the streams that are done, and returns those that had ended in the recording at a time.
func split(air []airborne, at int64) (left, before []airborne) {
	for _, s := range air {
		select {
		case <-s.done:
			continue
		default:
		}
		left = append(left, s)
		if s.end != 0 && s.end <= at {
			before = append(before, s)
		}
	}
	return left, before
}

// sendStream sends a request when those before it are done, and hands over its result.
func (w *worker) sendStream(ctx context.Context, link *http2Link, q *request, start time.Time, before []airborne) {
	intended := start.Add(q.offset)
	due := intended
	for _, s := range before {
		select {
		case <-s.done:
		case <-ctx.Done():
			return
		}
		due = time.Now()
	}
	picked := time.Now()
	r := result{request: q, released: picked.Sub(due)}
	w.engine.sent.Add(1)
	call, cancel := context.WithDeadline(ctx, picked.Add(w.engine.timeout))
	defer cancel()
	conn, err := link.open(call, q)
	r.sent = time.Since(intended)
	if err == nil {
		r.response, err = exchangeHTTP2(call, conn, q)
	}
	if ctx.Err() != nil {
		return // cut short, not answered
	}
	if err != nil {
		r.response, r.failure = nil, failureOf(err)
		w.engine.errors.Add(1)
	}
	r.latency = time.Since(intended)
	select {
	case w.engine.results <- r:
	case <-ctx.Done():
	}
}

// http2Link is one HTTP/2 connection to the target, opened again when it was closed. Several goroutines use it.
type http2Link struct {
	transport http.Transport
	mu        sync.Mutex
	conn      *http.ClientConn
}

func newHTTP2Link() *http2Link {
	l := &http2Link{transport: http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}}
	l.transport.Protocols.SetUnencryptedHTTP2(true)
	l.transport.Protocols.SetHTTP2(true)
	return l
}

// open returns the connection, which is in TLS when the one of the request was.
func (l *http2Link) open(ctx context.Context, q *request) (*http.ClientConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && l.conn.Err() == nil {
		return l.conn, nil
	}
	if isSecure(q.record) && l.transport.TLSClientConfig == nil {
		l.transport.TLSClientConfig = clientTLS(q.record, http2.NextProtoTLS)
	}
	conn, err := l.transport.NewClientConn(ctx, schemeOf(q.record), q.target)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return conn, nil
}

func (l *http2Link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // nothing is left to lose
	}
}
