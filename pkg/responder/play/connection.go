// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"

	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	readBuffer = 16 << 10
	// lingering is how long a client that was sent the end may take to close, before its connection is closed over its head.
	lingering = time.Second
)

// link is a connection that carries bytes both ways: TCP's, or TLS over it.
type link interface {
	net.Conn
	// CloseWrite ends what is written.
	CloseWrite() error
	// SetLinger says how long closing waits, in seconds; with 0 the peer sees a reset.
	SetLinger(seconds int) error
}

// connection is one connection of a workload, from the end of the hello on.
type connection struct {
	link
	server *Server
	hello  *trafficpb.TunnelHello
	host   string // by which connections are known whose protocol names no host
	r      *bufio.Reader
}

func newConnection(s *Server, tunnel link, hello *trafficpb.TunnelHello) *connection {
	host := match.HostName(hello.GetHost())
	if host == "" || !s.index.Knows(host, hello.GetPort()) {
		host = match.HostName(hello.GetAddress())
	}
	return &connection{link: tunnel, server: s, hello: hello, host: host, r: bufio.NewReaderSize(tunnel, readBuffer)}
}

func (c *connection) run(ctx context.Context) {
	if p := c.detect(); p != nil {
		p.play(ctx, c)
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

// wait waits as long as the recording says, if that is wanted, and tells whether the responder still runs.
func (c *connection) wait(ctx context.Context, recorded time.Duration, received time.Time) bool {
	if !c.server.policy.Recorded {
		recorded = 0
	}
	return pause(ctx, recorded-time.Since(received))
}
