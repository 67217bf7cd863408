// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// fakeClock moves only while somebody sleeps, oversleeping by as much as it is told.
type fakeClock struct {
	at, oversleep time.Duration
	sleeps        int
}

func (c *fakeClock) pacer() pacer {
	return pacer{
		now:        func() time.Duration { return c.at },
		sleepUntil: func(t time.Duration) { c.at = t + c.oversleep; c.sleeps++ },
	}
}

func TestPacerReleasesAtOffsets(t *testing.T) {
	const ms = time.Millisecond
	offsets := []time.Duration{0, 0, 1 * ms, 2 * ms, 2 * ms, 5 * ms, 350 * ms}
	for name, c := range map[string]struct {
		oversleep time.Duration
		want      []time.Duration
	}{
		"exact": {0, offsets},
		// What is overdue is released at once, and what follows is not late for that.
		"oversleeping": {3 * ms, []time.Duration{0, 0, 4 * ms, 4 * ms, 4 * ms, 8 * ms, 353 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &fakeClock{oversleep: c.oversleep}
			var released []time.Duration
			clock.pacer().run(t.Context(), offsets, func(i int) {
				if i != len(released) {
					t.Errorf("released %d after %d", i, len(released)-1)
				}
				released = append(released, clock.at)
			})
			if diff := cmp.Diff(c.want, released); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPacerEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	clock := &fakeClock{}
	p := clock.pacer()
	sleep := p.sleepUntil
	p.sleepUntil = func(d time.Duration) { sleep(d); cancel() }
	p.run(ctx, []time.Duration{time.Hour}, func(int) { t.Error("released") })
	if clock.at > maxNap || clock.sleeps != 1 {
		t.Errorf("ended at %v after %d sleeps", clock.at, clock.sleeps)
	}
}

// The machine's clock never wakes up early, and never drifts.
func TestRealPacer(t *testing.T) {
	offsets := make([]time.Duration, 200)
	for i := range offsets {
		offsets[i] = time.Duration(i) * 500 * time.Microsecond
	}
	start := time.Now().Add(5 * time.Millisecond)
	var lateness []time.Duration
	newPacer(start).runLocked(t.Context(), offsets, func(i int) {
		lateness = append(lateness, time.Since(start.Add(offsets[i])))
	})
	slices.Sort(lateness)
	if len(lateness) != len(offsets) || lateness[0] < 0 {
		t.Errorf("%d released, the earliest %v before its time", len(lateness), -lateness[0])
	}
	t.Logf("lateness p50 %v, p99 %v, max %v", lateness[100], lateness[197], lateness[199])
}

func TestSchedule(t *testing.T) {
	record := func(connection string, ordinal uint64, at int64) *request {
		return &request{record: &trafficpb.Record{Connection: connection, Ordinal: ordinal, Request: &trafficpb.Message{FirstByte: 1_000_000 + at}}}
	}
	p := &plan{requests: []*request{record("b", 0, 40), record("a", 0, 0), record("a", 2, 90), record("a", 1, 100), record("c", 0, 200)}}
	p.schedule(2)
	var got []string
	for _, q := range p.requests {
		got = append(got, fmt.Sprintf("%s%d at %d on %d", q.record.GetConnection(), q.record.GetOrdinal(), q.offset, q.connection))
	}
	// The times are halved, and a2 does not start before a1.
	want := []string{"a0 at 0 on 0", "b0 at 20 on 1", "a1 at 50 on 0", "a2 at 50 on 0", "c0 at 100 on 2"}
	if diff := cmp.Diff(want, got); diff != "" || p.connections != 3 {
		t.Error(diff)
	}
}

// Requests arrive not before their time, and not much later, whatever the answers take.
func TestPaceOfAReplay(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]time.Time{}
	server := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		arrived[q.URL.Path] = time.Now()
		mu.Unlock()
		io.WriteString(w, "ok")
	}))
	const requests, gap, speed = 10, 100 * time.Millisecond, 2
	r := newRecording(t, server.URL)
	for i := range requests {
		r.connection(gap, get(fmt.Sprintf("/%d", i)))
	}
	clear(arrived)
	settings := newSettings(address(server))
	settings.Speed = speed
	begun := time.Now()
	got := runReplay(t, startForwarder(t, r.records), settings)
	if got.Summary.Requests != requests || len(arrived) != requests {
		t.Fatalf("%s: %d requests arrived", got.Message, len(arrived))
	}
	for i := range requests {
		offset := time.Duration(i) * gap / speed
		if after := arrived[fmt.Sprintf("/%d", i)].Sub(begun); after < offset || after > offset+5*time.Second {
			t.Errorf("request %d arrived after %v, want a little more than %v", i, after, offset)
		}
	}
}
