// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

const benchHead = "POST /api/orders/12345?expand=lines HTTP/1.1\r\nHost: orders.shop.svc.cluster.local:9898\r\nUser-Agent: checkout/1.4\r\n" +
	"Accept: application/json\r\nContent-Type: application/json\r\nX-Request-Id: 0af7651916cd43dd8448eb211c80319c\r\n" +
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nContent-Length: 1024\r\n\r\n"

func BenchmarkReadRequest(b *testing.B) {
	stream := []byte(benchHead + strings.Repeat("x", 1024))
	source := bytes.NewReader(stream)
	r := bufio.NewReader(source)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(stream)
		r.Reset(source)
		if _, err := ReadRequest(r, limits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadResponseChunked(b *testing.B) {
	chunk := "400\r\n" + strings.Repeat("x", 1024) + "\r\n"
	stream := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 16) + "0\r\n\r\n")
	source := bytes.NewReader(stream)
	r := bufio.NewReader(source)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(stream)
		r.Reset(source)
		if _, err := ReadResponse(r, "GET", limits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	head, body := []byte(benchHead), bytes.Repeat([]byte("x"), 1024)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendMessage(dst[:0], head, body)
	}
}
