// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/restage-dev/restage/pkg/responder/match"
)

const (
	// explanationsPerSecond bounds what explaining may cost; so many as the burst may come at once.
	explanationsPerSecond = 50
	explanationBurst      = 500
	// mostWaiting misses wait for their explanation.
	mostWaiting = 1024
	// longestBody is the size in bytes of the bodies that are looked into for an explanation.
	longestBody = 64 << 10
)

// notExplained is the explanation of misses that come too fast.
const notExplained = "not explained: there were too many misses at a time"

// Reporter writes the log. Run explains misses.
type Reporter struct {
	log         *Log
	explainer   *match.Explainer
	limiter     *rate.Limiter
	waiting     chan func()
	unexplained atomic.Int64
}

// NewReporter returns a reporter of matches against an index.
func NewReporter(l *Log, x *match.Index) *Reporter {
	return &Reporter{
		log: l, explainer: match.NewExplainer(x), limiter: rate.NewLimiter(explanationsPerSecond, explanationBurst),
		waiting: make(chan func(), mostWaiting),
	}
}

// Run explains misses until the context ends.
func (r *Reporter) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case explain := <-r.waiting:
			explain()
		}
	}
}

// Unexplained counts the misses without an explanation.
func (r *Reporter) Unexplained() int64 { return r.unexplained.Load() }

// Flush waits until all misses so far are in the log.
func (r *Reporter) Flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case r.waiting <- func() { close(done) }:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Matched logs a call that a record answered.
func (r *Reporter) Matched(key, operation string, m match.Match) {
	r.log.Count(m.Tier)
	r.log.add(Outcome{Time: time.Now(), Key: key, Operation: operation, Tier: m.Tier, Record: m.Record.GetId()})
}

// Missed logs a request that no record answers. It must not change any more.
func (r *Reporter) Missed(q *match.Request) {
	if len(q.Body) > longestBody { // do not hold on to it
		short := *q
		short.Body, short.Truncated = nil, true
		q = &short
	}
	r.miss(Outcome{Key: q.Key(), Operation: q.Operation()}, func() string { return r.explainer.Explain(q) })
}

// MissedOpaque logs a connection that is not HTTP/1, of which the client had sent so many bytes.
func (r *Reporter) MissedOpaque(host string, port uint32, sent int, why string) {
	r.miss(Outcome{Key: match.Destination(host, port)}, func() string {
		explanation := r.explainer.ExplainOpaque(host, port, sent)
		if why != "" {
			explanation = why + "; " + explanation
		}
		return explanation
	})
}

// MissedMessage counts a message of a stream that the recording does not hold.
func (r *Reporter) MissedMessage(key, operation, why string) {
	r.miss(Outcome{Key: key, Operation: operation}, func() string { return why })
}

func (r *Reporter) miss(o Outcome, explain func() string) {
	o.Time, o.Tier = time.Now(), match.Missed
	r.log.Count(o.Tier)
	late := func() {
		if r.limiter.Allow() {
			o.Explanation = explain()
		} else {
			o.Explanation = notExplained
			r.unexplained.Add(1)
		}
		r.log.add(o)
	}
	select {
	case r.waiting <- late:
	default:
		o.Explanation = notExplained
		r.unexplained.Add(1)
		r.log.add(o)
	}
}
