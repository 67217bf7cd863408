// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func record(size int) *trafficpb.Record {
	return &trafficpb.Record{
		Workload: "front", Direction: trafficpb.Direction_DIRECTION_OUTBOUND,
		Request: &trafficpb.Message{Body: make([]byte, size), FirstByte: 5, LastByte: 6}, Response: &trafficpb.Message{LastByte: 9},
	}
}

func TestBatchesBySizeAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(64 << 20)
		started := time.Now()
		r.Record(record(10))
		r.Record(record(10))
		b, err := r.next(t.Context())
		if err != nil || len(b.request.GetRecords()) != 2 || time.Since(started) != batchDelay {
			t.Errorf("%d records after %v, error %v", len(b.request.GetRecords()), time.Since(started), err)
		}
		started = time.Now()
		for range batchRecords + 1 {
			r.Record(record(1))
		}
		if b, _ := r.next(t.Context()); len(b.request.GetRecords()) != batchRecords || time.Since(started) != 0 {
			t.Errorf("%d records after %v", len(b.request.GetRecords()), time.Since(started))
		}
		if b, _ := r.next(t.Context()); len(b.request.GetRecords()) != 1 || b.request.GetRecords()[0].GetSequence() != batchRecords+3 {
			t.Errorf("the last record: %v", b.request.GetRecords())
		}
		started = time.Now()
		r.Record(record(batchBytes)) // large enough alone
		if b, _ := r.next(t.Context()); len(b.request.GetRecords()) != 1 || time.Since(started) != 0 {
			t.Errorf("a large record came after %v", time.Since(started))
		}
	})
}

func TestFullRecorderCountsLosses(t *testing.T) {
	r := New(10 << 10)
	for range 20 {
		r.Record(record(1000))
	}
	kept, lost := r.Recorded(), r.Lost()
	if kept+lost != 20 || kept != 6 {
		t.Fatalf("%d kept, %d lost", kept, lost)
	}
	b, err := r.next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	losses := b.request.GetLosses()
	if len(losses) != 1 || losses[0].GetCount() != lost || losses[0].GetFrom() != 5 || losses[0].GetTo() != 9 || b.request.GetLossSequence() != 1 {
		t.Errorf("losses %v, sequence %d", losses, b.request.GetLossSequence())
	}
	for i, record := range b.request.GetRecords() {
		if record.GetSequence() != uint64(i+1) {
			t.Errorf("record %d has sequence %d", i, record.GetSequence())
		}
	}
	// What is sent still takes its room until it is acknowledged.
	r.Record(record(5000))
	if r.Lost() != lost+1 {
		t.Errorf("a record was taken beyond the limit")
	}
	r.done(b)
	r.Record(record(5000))
	if r.Lost() != lost+1 {
		t.Errorf("a record was lost although there was room")
	}
	b, _ = r.next(t.Context())
	if b.request.GetLossSequence() != 2 || b.request.GetRecords()[0].GetSequence() != kept+1 {
		t.Errorf("loss sequence %d, sequence %d", b.request.GetLossSequence(), b.request.GetRecords()[0].GetSequence())
	}
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1 << 20)
		r.Record(record(1))
		r.Lose(&trafficpb.Loss{Count: 1, Reason: "test"})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flushed what nobody has: %v", err)
		}
		go func() {
			b, err := r.next(t.Context())
			if err == nil {
				r.done(b)
			}
		}()
		if err := r.Flush(t.Context()); err != nil || r.Acknowledged() != 1 {
			t.Errorf("%v, %d acknowledged", err, r.Acknowledged())
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	r := New(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		r.Record(record(1024))
		if r.unsent > 64<<20 {
			b.StopTimer()
			for r.unsent > 0 {
				batch, err := r.next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				r.done(batch)
			}
			b.StartTimer()
		}
	}
}
