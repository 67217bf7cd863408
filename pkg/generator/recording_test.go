// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var recordLimits = http1.Limits{Head: 1 << 16, Body: 8 << 20}

// recording makes records of real exchanges with a server.
type recording struct {
	t       testing.TB
	address string
	clock   time.Time // of the next request
	records []*trafficpb.Record
}

func newRecording(t testing.TB, server string) *recording {
	return &recording{t: t, address: strings.TrimPrefix(server, "http://"), clock: time.Unix(1_700_000_000, 0)}
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: shop.example\r\n\r\n" }

func post(path, contentType, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nhost: shop.example\r\nContent-type: %s\r\nContent-Length: %d\r\n\r\n%s", path, contentType, len(body), body)
}

// connection sends requests over one connection, as long as the server keeps it, and records them as one that
// lasted. They start a gap of recorded time apart.
func (r *recording) connection(gap time.Duration, requests ...string) *recording {
	r.t.Helper()
	id := ulid.Make().String()
	var conn net.Conn
	var reader *bufio.Reader
	for i, raw := range requests {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", r.address); err != nil {
				r.t.Fatal(err)
			}
			reader = bufio.NewReader(conn)
		}
		record := r.exchange(conn, reader, raw)
		record.Connection, record.Ordinal = id, uint64(i)
		r.records = append(r.records, record)
		r.clock = r.clock.Add(gap)
		if m, err := http1.ParseHead(record.GetResponse().GetHead()); err != nil || m.Close {
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
	return r
}

func (r *recording) exchange(conn net.Conn, reader *bufio.Reader, raw string) *trafficpb.Record {
	r.t.Helper()
	_, _ = conn.Write([]byte(raw)) // a server may answer before it has read all
	request, err := http1.ReadRequest(bufio.NewReader(strings.NewReader(raw)), recordLimits)
	if err != nil {
		r.t.Fatal(err)
	}
	path, _, _ := strings.Cut(request.Target, "?")
	record := &trafficpb.Record{
		Id: ulid.Make().String(), Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "http/1.1",
		Namespace: "shop", Workload: "front", Pod: "front-7d-abc", Port: 9898,
		Operation: request.Method + " " + path,
		Request:   recordedMessage(request, r.clock, r.clock.Add(100*time.Microsecond)),
	}
	response, err := http1.ReadResponse(reader, request.Method, recordLimits)
	if err != nil {
		record.Failure = failureOf(err)
		return record
	}
	record.Response = recordedMessage(response, r.clock.Add(time.Millisecond), r.clock.Add(2*time.Millisecond))
	record.Status = uint32(response.Status)
	return record
}

func recordedMessage(m *http1.Message, first, last time.Time) *trafficpb.Message {
	out := &trafficpb.Message{Head: m.Head, Body: m.Body, BodyLength: m.BodyLength, FirstByte: first.UnixNano(), LastByte: last.UnixNano()}
	if m.BodyLength > 0 {
		sum := sha256.Sum256(m.Body)
		out.BodySha256 = sum[:]
	}
	return out
}
