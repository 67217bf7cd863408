// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer is what a Service is to its clients: each new connection goes to one of the servers that are ready, in turn.
type balancer struct {
	net.Listener
	servers []*server
	ready   []atomic.Bool
	next    atomic.Int64
	// connections counts those of each server.
	connections []atomic.Int64
}

func newBalancer(t *testing.T, servers ...*server) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{
		Listener: listener, servers: servers,
		ready: make([]atomic.Bool, len(servers)), connections: make([]atomic.Int64, len(servers)),
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range servers {
		group.Go(func() { b.probe(ctx, i) })
	}
	group.Go(b.accept)
	t.Cleanup(func() {
		stop()
		_ = listener.Close()
		group.Wait()
	})
	return b
}

// probe is the readiness probe of a server.
func (b *balancer) probe(ctx context.Context, i int) {
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		status, _ := b.servers[i].get(ctx, "/readyz")
		b.ready[i].Store(status == http.StatusOK)
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

func (b *balancer) accept() {
	for {
		connection, err := b.Accept()
		if err != nil {
			return
		}
		go b.relay(connection)
	}
}

func (b *balancer) relay(client net.Conn) {
	defer client.Close()
	for range b.servers {
		i := int(b.next.Add(1)) % len(b.servers)
		if !b.ready[i].Load() {
			continue
		}
		backend, err := net.Dial("tcp", b.servers[i].address)
		if err != nil {
			return
		}
		b.connections[i].Add(1)
		defer backend.Close()
		go func() {
			_, _ = io.Copy(backend, client)
			_ = backend.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(client, backend)
		return
	}
}
