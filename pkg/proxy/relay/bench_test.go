// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"testing"

	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// plain is the least that a relay in user space does; reading and writing are hidden so that nothing is spliced.
func plain(a, b *net.TCPConn) {
	type reader struct{ io.Reader }
	type writer struct{ io.Writer }
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(writer{a}, reader{b})
		_ = a.CloseWrite()
	}()
	_, _ = io.Copy(writer{b}, reader{a})
	_ = b.CloseWrite()
	<-done
}

// withTee relays and reads the copies as a parser would.
func withTee(a, b *net.TCPConn) {
	budget := tee.NewBudget(16 << 20)
	requests, responses := tee.NewStream(budget, 1<<20, nil), tee.NewStream(budget, 1<<20, nil)
	for _, s := range []*tee.Stream{requests, responses} {
		go func() { _, _ = io.Copy(io.Discard, tee.NewReader(s)) }()
	}
	Run(a, b, requests, responses, &Traffic{})
}

// BenchmarkRelay sends 1 KiB there and back, one at a time, by no relay, by the least relay there is, and by ours.
func BenchmarkRelay(b *testing.B) {
	for _, c := range []struct {
		name  string
		relay func(a, b *net.TCPConn)
	}{
		{"direct", nil},
		{"copy", plain},
		{"relay", func(a, b *net.TCPConn) { Run(a, b, nil, nil, &Traffic{}) }},
		{"relay+tee", withTee},
	} {
		b.Run(c.name, func(b *testing.B) {
			client, in := tcpPair(b)
			server := in
			if c.relay != nil {
				var out *net.TCPConn
				out, server = tcpPair(b)
				go c.relay(in, out)
			}
			go func() { _, _ = io.Copy(struct{ io.Writer }{server}, struct{ io.Reader }{server}) }()
			message := make([]byte, 1024)
			b.SetBytes(2 * 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(message); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBulk sends one way without waiting.
func BenchmarkBulk(b *testing.B) {
	for _, c := range []struct {
		name  string
		relay func(a, b *net.TCPConn)
	}{
		{"copy", plain},
		{"relay", func(a, b *net.TCPConn) { Run(a, b, nil, nil, &Traffic{}) }},
		{"relay+tee", withTee},
	} {
		b.Run(c.name, func(b *testing.B) {
			client, in := tcpPair(b)
			out, server := tcpPair(b)
			go c.relay(in, out)
			received := make(chan struct{})
			go func() {
				defer close(received)
				_, _ = io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{server})
			}()
			block := make([]byte, 64<<10)
			b.SetBytes(int64(len(block)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(block); err != nil {
					b.Fatal(err)
				}
			}
			client.Close()
			<-received
		})
	}
}
