// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var sizes = []int{100, 10_000, 100_000}

// order is a call with a body of the usual size; nonce makes it volatile.
func order(i int, nonce string) call {
	return call{
		line: fmt.Sprintf("POST /orders?user=%d", i), kind: jsonType,
		body: fmt.Sprintf(`{"id":%d,"nonce":%q,"items":[{"sku":"tea","n":2},{"sku":"cup","n":1}],"address":{"street":"High Street","city":"York"}}`, i, nonce),
	}
}

func BenchmarkClaim(b *testing.B) {
	for _, size := range sizes {
		nonces := make([]string, size)
		x := build(b, size, func(i int) call {
			nonces[i] = uuid.NewString()
			return order(i, nonces[i])
		})
		for _, c := range []struct {
			name string
			call func(i int) call
			want Tier
		}{
			{"exact", func(i int) call { return order(i, nonces[i]) }, Exact},
			{"denoised", func(i int) call { return order(i, uuid.NewString()) }, Denoised},
			{"missed", func(i int) call { return order(size+i, nonces[i]) }, Missed},
		} {
			requests := make([]*Request, 100)
			for i := range requests {
				requests[i] = c.call(i * size / len(requests)).request(b)
			}
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					m, ok := x.Claim(requests[i%len(requests)])
					if ok != (c.want != Missed) || ok && m.Tier != c.want {
						b.Fatalf("matched %v as %q, want %q", ok, m.Tier, c.want)
					}
				}
			})
		}
	}
}

// BenchmarkIndexMemory states what the index needs beside the records.
func BenchmarkIndexMemory(b *testing.B) {
	for _, size := range sizes {
		records := make([]*trafficpb.Record, size)
		for i := range records {
			records[i] = order(i, uuid.NewString()).record(b, "")
			records[i].TraceId = uuid.NewString()
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			var x *Index
			before := heap()
			for b.Loop() {
				x = Build(records)
			}
			b.ReportMetric(float64(heap()-before)/float64(size), "index-B/record")
			runtime.KeepAlive(x)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkExplain(b *testing.B) {
	x := build(b, 10_000, func(i int) call { return order(i, "n") })
	e := NewExplainer(x)
	q := order(-1, "n").request(b)
	b.ReportAllocs()
	for b.Loop() {
		if e.Explain(q) == "" {
			b.Fatal("no explanation")
		}
	}
}
