// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capture relays the connections of a workload and makes records of what they carry.
package capture

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/intercept"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// headLimit is the most bytes that the head of a message may have to be recorded.
	headLimit = 64 << 10
	// queueLimit bounds the bytes of one direction that wait for the parser.
	queueLimit = 4 << 20
	// dialTimeout is about what the kernel gives a connection before it gives up.
	dialTimeout = 130 * time.Second
	// askTimeout is how long the first bytes of a workload are waited for when its dependency cannot be reached.
	askTimeout = 50 * time.Millisecond
)

// Capture relays and records. The fields are set before the first connection.
type Capture struct {
	Workload  string
	BodyLimit int64 // bytes of a body that are kept
	Budget    *tee.Budget
	Recorder  *recorder.Recorder
	Redactor  *redact.Redactor
	// Selection decides what is recorded; the rest is relayed only.
	Selection *selection.Selection
	// TLSOut and TLSIn read what TLS connections carry; nil: they are kept as bytes, as any other unknown protocol.
	TLSOut, TLSIn *intercept.Interceptor
	Log           *slog.Logger

	mu      sync.Mutex
	ended   bool           // no connection is parsed any more
	parsers sync.WaitGroup // of connections
	parsed  map[string]uint64
	pace    tee.Pace // of the parsers
	counters
}

// counters count since the start of the process.
type counters struct {
	relayed, refused, panics atomic.Uint64
	open                     atomic.Int64
	traffic                  relay.Traffic
}

// Counts is what a capture has done since the start of the process.
type Counts struct {
	Relayed uint64 // connections relayed
	Refused uint64 // connections whose destination could not be reached
	Panics  uint64 // parsers that failed
	Open    int64  // connections that are relayed now
	// Parsed counts the connections that were read, by the protocol that they begin with.
	Parsed map[string]uint64
	// Bytes passed on to who accepted the connection and to who made it.
	ToServer, ToClient uint64
}

// Counts returns what has been done so far.
func (c *Capture) Counts() Counts {
	return Counts{
		Relayed: c.relayed.Load(), Refused: c.refused.Load(), Panics: c.panics.Load(),
		Parsed: c.countParsed(), Open: c.open.Load(),
		ToServer: c.traffic.ToServer.Load(), ToClient: c.traffic.ToClient.Load(),
	}
}

// countParsed returns the connections of each protocol.
func (c *Capture) countParsed() map[string]uint64 {
	counts := map[string]uint64{}
	for _, p := range protocols {
		counts[p.name] = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(counts, c.parsed)
	return counts
}

func (c *Capture) addParsed(protocol string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil {
		c.parsed = map[string]uint64{}
	}
	c.parsed[protocol]++
}

// Inbound serves a connection that was made to the workload at an address of the pod.
func (c *Capture) Inbound(ctx context.Context, client *net.TCPConn, to netip.AddrPort) {
	server, err := dial(ctx, to)
	if err != nil {
		// The workload does not listen, as it would not without the proxy. Nothing of its behaviour is lost.
		c.refused.Add(1)
		c.Log.Debug("The workload refused a connection", "to", to.String(), "err", err)
		relay.Reset(client)
		return
	}
	peer := unmap(client.RemoteAddr().(*net.TCPAddr).AddrPort())
	if reason := c.Selection.Inbound(to, peer); reason != "" {
		c.leaveOut(trafficpb.Direction_DIRECTION_INBOUND, reason)
		c.relayOnly(client, server)
		return
	}
	c.serve(ctx, c.TLSIn, client, server, newConnection(c, trafficpb.Direction_DIRECTION_INBOUND, to, peer))
}

// Outbound serves a connection that the workload makes.
func (c *Capture) Outbound(ctx context.Context, client *net.TCPConn, to netip.AddrPort) {
	server, err := dial(ctx, to)
	reason := c.Selection.Outbound(to)
	if reason != "" {
		c.leaveOut(trafficpb.Direction_DIRECTION_OUTBOUND, reason)
	}
	switch {
	case reason != "" && err != nil:
		relay.Reset(client)
	case reason != "":
		c.relayOnly(client, server)
	case err != nil:
		c.refused.Add(1)
		c.recordRefusal(client, newConnection(c, trafficpb.Direction_DIRECTION_OUTBOUND, to, to), err)
		relay.Reset(client)
	default:
		c.serve(ctx, c.TLSOut, client, server, newConnection(c, trafficpb.Direction_DIRECTION_OUTBOUND, to, to))
	}
}

// leaveOut counts a connection or an exchange that is not to be recorded.
func (c *Capture) leaveOut(direction trafficpb.Direction, reason selection.Reason) {
	c.Recorder.LeaveOut(direction, c.Workload, string(reason))
}

func (c *Capture) relayOnly(client, server *net.TCPConn) {
	c.pass(func(traffic *relay.Traffic) { relay.Run(client, server, nil, nil, traffic) })
}

// pass counts what a relay does.
func (c *Capture) pass(relay func(*relay.Traffic)) {
	c.relayed.Add(1)
	c.open.Add(1)
	defer c.open.Add(-1)
	relay(&c.traffic)
}

func dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// relay passes a connection on while its copy is parsed.
func (c *Capture) relay(ctx context.Context, client, server *net.TCPConn, conn *connection) {
	c.record(ctx, conn, func(traffic *relay.Traffic) {
		relay.Run(client, server, conn.requests.Stream(), conn.responses.Stream(), traffic)
	})
}

// record parses the copy of what a relay passes on. When the context ends, what is recorded of it ends, and the bytes
// still flow until the process stops.
func (c *Capture) record(ctx context.Context, conn *connection, relay func(*relay.Traffic)) {
	parsed := c.parse(conn)
	stop := context.AfterFunc(ctx, conn.abort)
	defer stop()
	c.pass(relay)
	<-parsed
	conn.countRest()
}

// parse starts the parser of a connection and returns what is closed when it is done.
func (c *Capture) parse(conn *connection) <-chan struct{} {
	done := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		conn.giveUp(conn.requests, "the proxy is stopping")
		conn.giveUp(conn.responses, "the proxy is stopping")
		close(done)
		return done
	}
	c.parsers.Go(func() {
		defer close(done)
		conn.run()
	})
	return done
}

// recordRefusal records what the workload wanted of a destination that cannot be reached.
func (c *Capture) recordRefusal(client *net.TCPConn, conn *connection, dialErr error) {
	parsed := c.parse(conn)
	conn.requests.Stream().Hurry()
	conn.responses.Stream().End(&failure{text: failureText(dialErr)}, time.Now().UnixNano())
	_ = client.SetReadDeadline(time.Now().Add(askTimeout)) // fails only on a closed connection, and so does reading
	go func() {
		select { // a whole request: there is no need to wait for more
		case <-conn.recorded:
		case <-parsed:
		}
		_ = client.SetReadDeadline(time.Unix(1, 0))
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			conn.requests.Stream().Write(buffer[:n], time.Now().UnixNano())
		}
		if err != nil {
			break
		}
	}
	conn.endRequests(time.Now().UnixNano())
	<-parsed
}

// Wait waits until the records of all connections are made, once the context that they were served with has ended.
func (c *Capture) Wait(ctx context.Context) error {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.parsers.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
