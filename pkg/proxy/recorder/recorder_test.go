// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func record(size int) *trafficpb.Record {
	return &trafficpb.Record{
		Workload: "front", Direction: trafficpb.Direction_DIRECTION_OUTBOUND,
		Request: &trafficpb.Message{Body: make([]byte, size), FirstByte: 5, LastByte: 6}, Response: &trafficpb.Message{LastByte: 9},
	}
}

// sent returns the next batch, and what the transport gets of it.
func sent(t *testing.T, r *Recorder) (*batch, mem.BufferSlice) {
	t.Helper()
	b, err := r.next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	message, err := newCodec().Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return b, message
}

// next returns the next batch as the forwarder gets it.
func next(t *testing.T, r *Recorder) (*batch, *trafficpb.PushRequest) {
	t.Helper()
	b, message := sent(t, r)
	defer message.Free()
	request := &trafficpb.PushRequest{}
	if err := proto.Unmarshal(message.Materialize(), request); err != nil {
		t.Fatal(err)
	}
	return b, request
}

func TestBatchesBySizeAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(64 << 20)
		started := time.Now()
		r.Record(record(10))
		r.Record(record(10))
		if _, got := next(t, r); len(got.GetRecords()) != 2 || time.Since(started) != batchDelay || got.GetProxyInstance() != r.Instance() {
			t.Errorf("%d records after %v, instance %q", len(got.GetRecords()), time.Since(started), got.GetProxyInstance())
		}
		started = time.Now()
		for range batchRecords + 1 {
			r.Record(record(1))
		}
		if _, got := next(t, r); len(got.GetRecords()) != batchRecords || time.Since(started) != 0 {
			t.Errorf("%d records after %v", len(got.GetRecords()), time.Since(started))
		}
		if _, got := next(t, r); len(got.GetRecords()) != 1 || got.GetRecords()[0].GetSequence() != batchRecords+3 {
			t.Errorf("the last record: %v", got.GetRecords())
		}
		started = time.Now()
		r.Record(record(1))
		r.Record(record(batchBytes)) // large enough alone
		for _, size := range []int{1, batchBytes} {
			_, got := next(t, r)
			if len(got.GetRecords()) != 1 || len(got.GetRecords()[0].GetRequest().GetBody()) != size || time.Since(started) != 0 {
				t.Errorf("a record of %d bytes came after %v", len(got.GetRecords()[0].GetRequest().GetBody()), time.Since(started))
			}
		}
	})
}

func TestFullRecorderCountsLosses(t *testing.T) {
	r := New(10 << 10)
	for range 20 {
		r.Record(record(1000))
	}
	kept, lost := r.Recorded(), r.Lost()
	if kept+lost != 20 || kept != 9 {
		t.Fatalf("%d kept, %d lost", kept, lost)
	}
	b, got := next(t, r)
	losses := got.GetLosses()
	if len(losses) != 1 || losses[0].GetCount() != lost || losses[0].GetFrom() != 5 || losses[0].GetTo() != 9 || got.GetLossSequence() != 1 {
		t.Errorf("losses %v, sequence %d", losses, got.GetLossSequence())
	}
	for i, record := range got.GetRecords() {
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
	if _, got = next(t, r); got.GetLossSequence() != 2 || got.GetRecords()[0].GetSequence() != kept+1 {
		t.Errorf("loss sequence %d, sequence %d", got.GetLossSequence(), got.GetRecords()[0].GetSequence())
	}
}

// What protobuf cannot say is counted, and what is around it is sent.
func TestTextThatIsNotUTF8IsALoss(t *testing.T) {
	r := New(1 << 20)
	for _, operation := range []string{"GET /a", "GET /\xff", "GET /b"} {
		r.Record(&trafficpb.Record{Operation: operation})
	}
	_, got := next(t, r)
	if len(got.GetRecords()) != 2 || got.GetRecords()[1].GetOperation() != "GET /b" || got.GetRecords()[1].GetSequence() != 2 ||
		len(got.GetLosses()) != 1 || got.GetLosses()[0].GetReason() != "not UTF-8" {
		t.Errorf("sent is %v", got)
	}
}

// The memory of a batch is not used again before it is acknowledged and the transport is done with it.
func TestMemoryIsNotUsedTooEarly(t *testing.T) {
	r := New(64 << 20)
	r.Record(record(100 << 10))
	first, message := sent(t, r)
	before := message.Materialize()
	r.done(first) // as when a stream is given up, whose batch was acknowledged on the next one
	r.Record(record(90 << 10))
	second, _ := sent(t, r)
	if !bytes.Equal(message.Materialize(), before) {
		t.Error("what is still being sent has changed")
	}
	message.Free()
	r.done(second)
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
