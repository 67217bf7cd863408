// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// player answers the connections of one protocol. There is one of each for a server, used by all its connections.
type player interface {
	// detect tells from the first bytes of a client, of which there may be none yet, whether its connection is the player's.
	detect(c *connection, first []byte) http1.Verdict
	// play answers a connection until it ends.
	play(ctx context.Context, c *connection)
}

// protocols are asked in their order. The last plays what is none of the others.
var protocols = [...]func(*Server) player{newTLSPlayer, newHTTP2Player, newHTTP1Player, newOpaquePlayer}

// detect waits for enough bytes of the client to know the protocol. It is nil when the client sent none.
func (c *connection) detect() player {
	defer func() { _ = c.SetReadDeadline(time.Time{}) }() // fails only when the connection is gone
	last := c.server.players[len(c.server.players)-1]
	var first []byte
	for {
		certain := true
		for _, p := range c.server.players {
			switch p.detect(c, first) {
			case http1.Yes:
				return p
			case http1.Undecided:
				certain = false
			}
		}
		if certain {
			return last
		}
		_, err := c.r.Peek(c.r.Buffered() + 1)
		more, _ := c.r.Peek(c.r.Buffered()) // cannot fail
		if len(more) == 0 {
			return nil
		}
		if err != nil { // nothing follows
			return last
		}
		first = more
		_ = c.SetReadDeadline(time.Now().Add(turn)) // as above
	}
}
