// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/proxy/capture"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

// BenchmarkCapture makes requests of 1 KiB on one connection: to the server itself, by a relay, and by a relay that records.
// The recorder is full soon, which costs what a record costs but for encoding and sending it.
func BenchmarkCapture(b *testing.B) {
	const head = "POST /orders HTTP/1.1\r\nHost: back:9898\r\nAuthorization: Bearer abc\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n"
	request := []byte(head + strings.Repeat("x", 1024))
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("y", 1024))
	server := benchServer(b, func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for {
			if _, err := in.Discard(len(request)); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	})
	recording := &capture.Capture{
		Workload: "front", BodyLimit: 1 << 20, Budget: tee.NewBudget(16 << 20), Recorder: recorder.New(32 << 20),
		Redactor: redact.NewRandom(), Selection: selected(b, "none"), Log: slog.New(slog.DiscardHandler),
	}
	unrecorded := &capture.Capture{Selection: selected(b, netip.MustParseAddrPort(server).Addr().String()), Recorder: recording.Recorder, Log: recording.Log}
	through := func(c *capture.Capture) string {
		return benchServer(b, func(conn *net.TCPConn) { c.Outbound(b.Context(), conn, netip.MustParseAddrPort(server)) })
	}
	for _, c := range []struct{ name, address string }{
		{"direct", server}, {"relay", through(unrecorded)}, {"recording", through(recording)},
	} {
		b.Run(c.name, func(b *testing.B) {
			conn, err := net.Dial("tcp", c.address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			buffer := make([]byte, len(answer))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if recording.Recorder.Recorded() == 0 || recording.Counts().Panics > 0 {
		b.Errorf("recorded %d, parser faults %d", recording.Recorder.Recorded(), recording.Counts().Panics)
	}
}

func benchServer(b *testing.B, serve func(*net.TCPConn)) string {
	b.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	go peer.Serve(listener, func(conn net.Conn) { serve(conn.(*net.TCPConn)) })
	return listener.Addr().String()
}

// selected records all but calls to an address.
func selected(b *testing.B, apiServer string) *selection.Selection {
	s, err := selection.New(wiring.NewCaptureSettings("front", nil), apiServer)
	if err != nil {
		b.Fatal(err)
	}
	return s
}
