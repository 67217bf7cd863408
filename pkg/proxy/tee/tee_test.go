// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package tee

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

func TestOrderAndTimes(t *testing.T) {
	budget := NewBudget(1 << 20)
	s := NewStream(budget, 1<<20, nil)
	r := NewReader(s)
	var want []byte
	at := map[int]int64{} // time by offset
	for n := range 50 {
		piece := bytes.Repeat([]byte{byte(n)}, 1+rand.IntN(10000))
		for i := range piece {
			at[len(want)+i] = int64(n + 1)
		}
		want = append(want, piece...)
		s.Write(piece, int64(n+1))
	}
	s.End(io.EOF, 99)
	for offset, b := range want {
		if _, err := r.Peek(1); err != nil {
			t.Fatal(err)
		}
		if got := r.NextAt(); got != at[offset] {
			t.Fatalf("byte %d came at %d, want %d", offset, got, at[offset])
		}
		got, err := r.ReadByte()
		if err != nil || got != b || r.LastAt() != at[offset] {
			t.Fatalf("byte %d is %d at %d, error %v", offset, got, r.LastAt(), err)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF || s.Ended() != 99 || budget.Used() != 0 {
		t.Errorf("at the end: %v, ended %d, %d bytes used", err, s.Ended(), budget.Used())
	}
}

func TestOverflow(t *testing.T) {
	budget := NewBudget(4 * chunkSize)
	first, second := NewStream(budget, 3*chunkSize, nil), NewStream(budget, 3*chunkSize, nil)
	first.Write(make([]byte, 4*chunkSize), 1) // more than its limit
	second.Write(make([]byte, chunkSize), 2)  // the last of the budget
	second.Write([]byte("x"), 3)
	second.End(io.EOF, 4)
	for s, want := range map[*Stream]int{first: 3 * chunkSize, second: chunkSize} {
		got, err := io.ReadAll(NewReader(s))
		if len(got) != want || !errors.Is(err, ErrOverflow) {
			t.Errorf("read %d bytes, want %d, error %v", len(got), want, err)
		}
	}
	if first.Written() != 4*chunkSize || budget.Used() != 0 {
		t.Errorf("written %d, used %d", first.Written(), budget.Used())
	}
}

func TestCloseFreesAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := NewBudget(1 << 20)
		s := NewStream(budget, 1<<20, nil)
		r := NewReader(s)
		failed := make(chan error)
		go func() {
			_, err := r.Peek(1)
			failed <- err
		}()
		synctest.Wait() // the reader waits
		r.Close()
		if err := <-failed; !errors.Is(err, ErrAborted) {
			t.Errorf("the reader got %v", err)
		}
		s.Write(make([]byte, 1<<16), 1)
		if budget.Used() != 0 {
			t.Errorf("%d bytes are held for nobody", budget.Used())
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	s := NewStream(NewBudget(1<<20), 1<<20, nil)
	r := NewReader(s)
	piece := make([]byte, 1024)
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	var at int64
	for b.Loop() {
		at++
		s.Write(piece, at)
		if _, err := io.ReadFull(r, piece); err != nil {
			b.Fatal(err)
		}
	}
}
