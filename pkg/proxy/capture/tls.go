// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/intercept"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// serve relays a connection, and records what is inside when it is TLS that can be read.
func (c *Capture) serve(ctx context.Context, i *intercept.Interceptor, client, server *net.TCPConn, conn *connection) {
	if i == nil {
		c.relay(ctx, client, server, conn)
		return
	}
	hello := intercept.Peek(client, server)
	if hello == nil {
		c.relay(ctx, client, server, conn)
		return
	}
	conn.serverName = strings.ToLower(hello.ServerName)
	if conn.direction == trafficpb.Direction_DIRECTION_OUTBOUND && c.Selection.Host(conn.serverName) != "" {
		c.relay(ctx, client, server, conn) // its record is left out, and so it is not read either
		return
	}
	inner, err := i.Open(ctx, hello, server)
	if err != nil {
		c.untouched(ctx, client, server, conn, err)
		return
	}
	outer, err := i.Accept(ctx, hello, client, inner)
	if err != nil {
		c.Log.Debug("A client broke off its handshake with the proxy", "connection", conn.id, "err", err)
		now := time.Now().UnixNano()
		conn.lose("TLS refused by the client", now, now)
		client.Close() // what it was told last may still be on its way
		server.Close()
		return
	}
	conn.scheme = traffic.SchemeTLS
	c.record(ctx, conn, func(relayed *relay.Traffic) {
		relay.RunTLS(outer, inner, conn.requests.Stream(), conn.responses.Stream(), relayed)
	})
	i.Left(hello, conn.requests.Stream().Written())
}

// untouched relays a TLS connection as it is. Nothing of it has been taken from the client.
func (c *Capture) untouched(ctx context.Context, client, server *net.TCPConn, conn *connection, why error) {
	var untouched *intercept.Untouched
	if errors.As(why, &untouched) {
		conn.untouched = string(untouched.Reason)
	}
	if untouched == nil || untouched.Spoiled {
		server.Close()
		again, err := dial(ctx, conn.to)
		if err != nil {
			c.refused.Add(1)
			c.recordRefusal(client, conn, err)
			relay.Reset(client)
			return
		}
		server = again
	}
	c.relay(ctx, client, server, conn)
}

// TLS returns the TLS connections of both directions by what became of them.
func (c *Capture) TLS() map[string]uint64 {
	total := map[string]uint64{intercept.Intercepted: 0}
	for _, i := range []*intercept.Interceptor{c.TLSOut, c.TLSIn} {
		if i == nil {
			continue
		}
		for result, count := range i.Counts() {
			total[result] += count
		}
	}
	return total
}
