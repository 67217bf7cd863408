// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package tee

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A reader that sleeps is woken a while after the first piece, and finds what has come until then; it does not sleep on when much has come, or the end.
func TestPace(t *testing.T) {
	for name, test := range map[string]struct {
		write func(*Stream)
		after time.Duration
		bytes int
	}{
		"pieces": {func(s *Stream) {
			s.Write([]byte("ab"), 1)
			time.AfterFunc(paceDelay/2, func() { s.Write([]byte("c"), 2) })
		}, paceDelay, 3},
		"much": {func(s *Stream) { s.Write(make([]byte, paceBytes), 1) }, 0, paceBytes},
		"a piece and then much": {func(s *Stream) {
			s.Write([]byte("ab"), 1)
			time.AfterFunc(paceDelay/4, func() { s.Write(make([]byte, paceBytes), 2) })
		}, paceDelay / 4, 2 + paceBytes},
		"too much": {func(s *Stream) { s.Write(make([]byte, 2*paceBytes), 1) }, 0, paceBytes + paceBytes/2},
		"the end": {func(s *Stream) {
			s.Write([]byte("ab"), 1)
			s.End(io.EOF, 2)
		}, 0, 2},
		"hurry": {func(s *Stream) {
			s.Hurry()
			s.Write([]byte("ab"), 1)
		}, 0, 2},
		"hurry after a piece": {func(s *Stream) {
			s.Write([]byte("ab"), 1)
			time.AfterFunc(paceDelay/4, s.Hurry)
		}, paceDelay / 4, 2},
		"nothing": {func(s *Stream) { s.End(io.EOF, 2) }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewStream(NewBudget(1<<20), paceBytes+paceBytes/2, &Pace{})
				r := NewReader(s)
				start := time.Now()
				woken := make(chan time.Duration)
				go func() {
					_, _ = r.Peek(1)
					woken <- time.Since(start)
				}()
				synctest.Wait() // the reader sleeps
				test.write(s)
				after := <-woken
				synctest.Wait()
				s.End(io.EOF, 3)
				if all, _ := io.ReadAll(r); after != test.after || len(all) != test.bytes {
					t.Errorf("woken after %v, want %v; %d bytes, want %d", after, test.after, len(all), test.bytes)
				}
			})
		})
	}
}

// Streams share the pace: one that comes later is woken with the first, and all are woken again the next time.
func TestPaceOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pace Pace
		budget := NewBudget(1 << 20)
		start := time.Now()
		woken := make(chan time.Duration)
		streams := []*Stream{NewStream(budget, 1<<20, &pace), NewStream(budget, 1<<20, &pace)}
		for _, s := range streams {
			go func() {
				for r := NewReader(s); ; woken <- time.Since(start) {
					if _, err := r.ReadByte(); err != nil {
						return
					}
				}
			}()
		}
		synctest.Wait()
		for round := range 2 {
			streams[0].Write([]byte("a"), 1)
			time.AfterFunc(paceDelay/2, func() { streams[1].Write([]byte("b"), 2) })
			for range streams {
				if after, want := <-woken, time.Duration(round+1)*paceDelay; after != want {
					t.Errorf("woken after %v, want %v", after, want)
				}
			}
		}
		for _, s := range streams {
			s.End(io.EOF, 3)
		}
	})
}
