// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	readBuffer = 16 << 10
	// lingering is how long a client that was sent the end may take to close, before its connection is closed over its head.
	lingering = time.Second
)

// connection is one connection of a workload, from the end of the hello on.
type connection struct {
	*net.TCPConn
	server *Server
	hello  *trafficpb.TunnelHello
	host   string // by which connections that are not HTTP/1 are known
	r      *bufio.Reader
	out    []byte // buffer of the last response
}

func newConnection(s *Server, tunnel *net.TCPConn, hello *trafficpb.TunnelHello) *connection {
	host := match.HostName(hello.GetHost())
	if host == "" || !s.index.Knows(host, hello.GetPort()) {
		host = match.HostName(hello.GetAddress())
	}
	return &connection{TCPConn: tunnel, server: s, hello: hello, host: host, r: bufio.NewReaderSize(tunnel, readBuffer)}
}

func (c *connection) run(ctx context.Context) {
	if c.server.index.SpeaksFirst(c.host, c.hello.GetPort()) {
		c.playOpaque(ctx)
		return
	}
	switch c.detect() {
	case http1.Yes:
		c.playHTTP(ctx)
	case http1.No:
		c.playOpaque(ctx)
	}
}

// detect waits for enough bytes of the client to know the protocol. It is undecided when the client sent none.
func (c *connection) detect() http1.Verdict {
	defer func() { _ = c.SetReadDeadline(time.Time{}) }() // fails only when the connection is gone
	for {
		_, err := c.r.Peek(c.r.Buffered() + 1)
		first, _ := c.r.Peek(c.r.Buffered()) // cannot fail
		if len(first) == 0 {
			return http1.Undecided
		}
		if verdict := http1.Detect(first); verdict != http1.Undecided {
			return verdict
		}
		// A word could become a method. It does not when all of it was recorded as something else, or nothing follows.
		if err != nil || c.server.index.OpaqueProgress(c.host, c.hello.GetPort(), first).Whole {
			return http1.No
		}
		_ = c.SetReadDeadline(time.Now().Add(turn)) // as above
	}
}

// reset closes the connection so that the client sees a reset.
func (c *connection) reset() {
	_ = c.SetLinger(0) // fails only when the connection is gone
	_ = c.Close()
}

// finish ends the connection after all that was written has arrived, and returns the number of bytes that the client
// sent meanwhile. Closing at once would let the bytes that are unread reset what was written.
func (c *connection) finish() int64 {
	if c.CloseWrite() != nil {
		return 0
	}
	n := c.hold(lingering)
	_ = c.Close()
	return n
}

// hold leaves the client without an answer until it gives up or d has passed, and returns the number of bytes that it
// sent meanwhile.
func (c *connection) hold(d time.Duration) int64 {
	if c.SetReadDeadline(time.Now().Add(d)) != nil {
		return 0
	}
	n, _ := io.Copy(io.Discard, c.r) // any error means that the client is gone or that the time is over
	return n
}
