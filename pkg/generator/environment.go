// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
)

const (
	watchInterval = time.Second
	// Proxies report every second: when no call was made for quietFor, and every connection is accounted for, all is told.
	// An unaccounted one is given settleTimeout.
	quietFor      = 2 * time.Second
	settleTimeout = 15 * time.Second
	pollInterval  = 200 * time.Millisecond
	// concludeTimeout bounds settling and reading the last counters and the outcomes.
	concludeTimeout = 45 * time.Second
)

// environment watches the responder and the proxies while requests are replayed. All but pods is used by
// one goroutine at a time.
type environment struct {
	control   *client
	log       *slog.Logger
	instance  string // of the responder
	restarted bool
	before    matches // what was called before the replay
	last      *stats
	proxies   map[proxyProcess]proxyStats // the last counters of every process that was seen
	podNames  atomic.Pointer[[]string]
}

type proxyProcess struct{ pod, instance string }

// pods are the names of the pods of the environment that have been seen.
func (e *environment) pods() []string {
	if names := e.podNames.Load(); names != nil {
		return *names
	}
	return nil
}

// await returns when the responder is ready and a proxy has reported to it.
func (e *environment) await(ctx context.Context) error {
	return retry(ctx, func() (bool, error) {
		if err := e.control.ready(ctx); err != nil {
			return false, invalidError{report.ReasonResponderUnreachable, err}
		}
		if err := e.poll(ctx); err != nil {
			return false, invalidError{report.ReasonResponderUnreachable, err}
		}
		if len(e.proxies) == 0 {
			return false, invalidError{report.ReasonNoProofOfIsolation, errors.New("no proxy of the environment has reported to the responder")}
		}
		e.before = e.last.Matches
		return true, nil
	})
}

// poll reads the counters.
func (e *environment) poll(ctx context.Context) error {
	s, err := e.control.stats(ctx)
	if err != nil {
		return err
	}
	if e.instance == "" {
		e.instance = s.Instance
	}
	e.restarted = e.restarted || s.Instance != e.instance
	if e.proxies == nil {
		e.proxies = map[proxyProcess]proxyStats{}
	}
	for _, p := range s.Proxies {
		e.proxies[proxyProcess{p.Pod, p.Instance}] = p
	}
	names := map[string]bool{}
	for process := range e.proxies {
		names[process.pod] = true
	}
	all := slices.Sorted(maps.Keys(names))
	e.podNames.Store(&all)
	e.last = s
	return nil
}

// watch polls until the context ends.
func (e *environment) watch(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := e.poll(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("reading the responder's counters failed", "err", err)
		}
	}
}

// conclude waits until the environment is quiet, at most for the patience, and adds to the report what it has to say.
// The context bounds all the rest.
func (e *environment) conclude(ctx context.Context, patience time.Duration, b *report.Builder) {
	e.settle(ctx, patience)
	err := retry(ctx, func() (bool, error) {
		err := e.poll(ctx)
		return err == nil, err
	})
	if e.restarted {
		e.before = matches{} // those of the process that is gone
		b.Invalidate(report.ReasonResponderRestarted, "the responder restarted during the replay, so what it played and counted before is lost")
	}
	if err != nil {
		b.Invalidate(report.ReasonResponderUnreachable, fmt.Sprintf("the responder's counters could not be read at the end: %v", err))
	}
	m, n := e.last.Matches, e.before
	b.SetMatches(goal.Matches{
		Total: m.Total - n.Total, Exact: m.Exact - n.Exact, Denoised: m.Denoised - n.Denoised, Missed: m.Missed - n.Missed,
	}, e.before.Total, e.last.Unused)
	b.SetEgress(e.egress(), e.last.Internal)
	if err != nil {
		return
	}
	if err := e.addOutcomes(ctx, b); err != nil {
		b.Invalidate(report.ReasonResponderUnreachable, fmt.Sprintf("the outcomes of outbound calls could not be read: %v", err))
	}
}

// settle polls until no call was made for a while and every connection is accounted for, or the patience is over. A workload that
// connects again and again without saying anything, as to something that the recording does not have, is not waited for.
func (e *environment) settle(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before := matches{Total: -1}
	since := time.Now()
	for {
		err := e.poll(ctx)
		if e.last.Matches != before {
			before, since = e.last.Matches, time.Now()
		}
		if err == nil && time.Since(since) >= quietFor && e.balanced() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
		}
	}
}

// balanced tells whether every connection is answered or refused.
func (e *environment) balanced() bool {
	for _, p := range e.proxies {
		if p.Attempted != p.Answered+p.Refused {
			return false
		}
	}
	return true
}

func (e *environment) egress() []report.ProxyEgress {
	all := make([]report.ProxyEgress, 0, len(e.proxies))
	for _, p := range e.proxies {
		all = append(all, report.ProxyEgress{
			Pod: p.Pod, Instance: p.Instance, Attempted: p.Attempted, Answered: p.Answered, Refused: p.Refused, Dropped: p.Dropped, RefusedNames: p.RefusedNames,
		})
	}
	slices.SortFunc(all, func(a, b report.ProxyEgress) int {
		return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Instance, b.Instance))
	})
	return all
}

// addOutcomes reads the outcomes since the start page by page.
func (e *environment) addOutcomes(ctx context.Context, b *report.Builder) error {
	for after := e.before.Total; ; {
		page, err := e.control.outcomes(ctx, after)
		if err != nil {
			return err
		}
		for _, o := range page.Outcomes {
			b.AddCall(o.Tier, report.MissedCall{Time: o.Time, Key: o.Key, Operation: o.Operation, Explanation: o.Explanation})
		}
		if len(page.Outcomes) == 0 || page.Next <= after {
			return nil
		}
		after = page.Next
	}
}
