// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// margin is how far outside its window a snapshot looks: before it for requests that are still in progress when it
// begins, after it for the calls of requests that it holds. A request whose end is not known counts as in progress for
// as long.
const margin = time.Minute

// window is the part of time that a snapshot covers, in Unix nanoseconds, to exclusive.
type window struct{ from, to int64 }

func (w window) holds(start int64) bool { return w.from <= start && start < w.to }

// linker finds the parents of outbound records and marks inbound ones that cannot be replayed, in one pass in the order of
// the starts.
type linker struct {
	window     window
	lost       map[string]spans         // by pod uid: when outbound calls may have been lost
	inProgress map[string][]inboundCall // by pod uid, in the order of the starts
	lastEnd    int64                    // of the inbound records in the window
}

type inboundCall struct {
	id      string
	traceID string
	end     int64
	inside  bool // it is in the window
}

func newLinker(w window, losses []store.Loss) *linker {
	l := &linker{window: w, lost: make(map[string]spans), inProgress: make(map[string][]inboundCall)}
	for i := range losses {
		if loss := &losses[i]; loss.MayBeOutbound() {
			l.lost[loss.PodUID] = append(l.lost[loss.PodUID], span{loss.From, loss.To})
		}
	}
	for pod, list := range l.lost {
		l.lost[pod] = list.joined()
	}
	return l
}

// link goes through records from the margin before the window on, and hands on those that belong to the snapshot: what
// begins in the window, and the calls, after it, of requests that began in it.
func (l *linker) link(records iter.Seq2[*trafficpb.Record, error]) iter.Seq2[*trafficpb.Record, error] {
	return func(yield func(*trafficpb.Record, error) bool) {
		for record, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			start := traffic.Start(record)
			if start >= l.window.to && start > min(l.lastEnd, saturatingAdd(l.window.to, margin)) {
				return
			}
			if l.belongs(record, start) && !yield(record, nil) {
				return
			}
		}
	}
}

func (l *linker) belongs(record *trafficpb.Record, start int64) bool {
	inside := l.window.holds(start)
	pod := record.GetPodUid()
	calls := slices.DeleteFunc(l.inProgress[pod], func(c inboundCall) bool { return c.end < start })
	if record.GetDirection() == trafficpb.Direction_DIRECTION_INBOUND {
		end := traffic.End(record)
		if end == 0 {
			end = saturatingAdd(start, margin)
		}
		calls = append(calls, inboundCall{id: record.GetId(), traceID: record.GetTraceId(), end: end, inside: inside})
		if inside {
			l.lastEnd = max(l.lastEnd, end)
			record.NotReplayable = record.NotReplayable || l.lost[pod].touch(start, end)
		}
		l.inProgress[pod] = calls
		return inside
	}
	l.inProgress[pod] = calls
	parent := parentOf(record, calls)
	if parent == nil || !parent.inside {
		return inside
	}
	if record.GetParent() == "" { // one that was uploaded may know
		record.Parent = parent.id
	}
	return true
}

// parentOf returns the call with the trace id of the record, of several the one that began last; else the only one.
func parentOf(record *trafficpb.Record, calls []inboundCall) *inboundCall {
	if trace := record.GetTraceId(); trace != "" {
		for i := len(calls) - 1; i >= 0; i-- {
			if calls[i].traceID == trace {
				return &calls[i]
			}
		}
	}
	if len(calls) == 1 {
		return &calls[0]
	}
	return nil
}

// span is a part of time, both ends inclusive.
type span struct{ from, to int64 }

// spans are sorted and apart from each other once they are joined.
type spans []span

func (s spans) joined() spans {
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out spans
	for _, next := range s {
		if n := len(out); n > 0 && next.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, next.to)
			continue
		}
		out = append(out, next)
	}
	return out
}

// touch tells whether any of joined spans has a moment of from to to.
func (s spans) touch(from, to int64) bool {
	i, _ := slices.BinarySearchFunc(s, from, func(one span, from int64) int { return cmp.Compare(one.to, from) })
	return i < len(s) && s[i].from <= to
}

func saturatingAdd(t int64, d time.Duration) int64 {
	if t > math.MaxInt64-int64(d) {
		return math.MaxInt64
	}
	return t + int64(d)
}
