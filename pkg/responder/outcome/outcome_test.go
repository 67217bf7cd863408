// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func TestLogIsBoundedAndSaysWhatItDropped(t *testing.T) {
	l := NewLog()
	r := NewReporter(l, match.Build(nil))
	const callers, more = 8, 80
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range (MostKept + more) / callers {
				r.Matched("back:80", "GET /", match.Match{Record: &trafficpb.Record{Id: "1"}, Tier: match.Exact})
			}
		})
	}
	group.Wait()
	var after uint64
	for {
		p := l.After(after, 9999)
		if p.Dropped != more {
			t.Fatalf("dropped %d, want %d", p.Dropped, more)
		}
		if len(p.Outcomes) == 0 {
			break
		}
		for i, o := range p.Outcomes {
			if o.Sequence != after+uint64(i)+1 {
				t.Fatalf("sequence %d at %d", o.Sequence, after+uint64(i)+1)
			}
		}
		after = p.Next
	}
	if after != MostKept {
		t.Errorf("%d outcomes", after)
	}
	if m := l.Matches(); m.Total != MostKept+more || m.Exact != m.Total {
		t.Errorf("counts %+v", m)
	}
}

// TestFloodOfMissesIsNotExplained also checks that a miss does not wait for anybody: nothing explains here at first.
func TestFloodOfMissesIsNotExplained(t *testing.T) {
	l := NewLog()
	r := NewReporter(l, match.Build(nil))
	const misses = mostWaiting + 100
	for i := range misses {
		r.Missed(&match.Request{Host: "evil", Port: 80, Method: "GET", Path: fmt.Sprint("/", i)})
	}
	if r.Unexplained() != 100 || l.Matches().Missed != misses {
		t.Errorf("%d not explained, %+v", r.Unexplained(), l.Matches())
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { r.Run(ctx) })
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	group.Wait()
	explained, skipped := 0, 0
	for _, o := range l.After(0, misses).Outcomes {
		switch {
		case strings.Contains(o.Explanation, "no HTTP call to evil:80"):
			explained++
		case o.Explanation == notExplained:
			skipped++
		}
	}
	if explained < explanationBurst || explained+skipped != misses || int64(skipped) != r.Unexplained() {
		t.Errorf("%d explained, %d not, %d counted", explained, skipped, r.Unexplained())
	}
	if err := r.Flush(ctx); err == nil { // may be taken into the queue, but nobody reads it
		t.Error("flushed without anybody to do it")
	}
}

func TestLongBodiesAreNotHeld(t *testing.T) {
	l := NewLog()
	r := NewReporter(l, match.Build(nil))
	q := &match.Request{Host: "back", Port: 80, Method: "PUT", Path: "/", Body: make([]byte, longestBody+1), BodyLength: longestBody + 1}
	r.Missed(q)
	if len(q.Body) == 0 {
		t.Error("the caller's request was changed")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go r.Run(ctx)
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if p := l.After(0, 1); len(p.Outcomes) != 1 || p.Outcomes[0].Tier != match.Missed {
		t.Errorf("%+v", p)
	}
}
