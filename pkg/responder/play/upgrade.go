// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic"
)

// Headers of a response that opens a WebSocket.
const (
	acceptHeader     = "Sec-WebSocket-Accept"
	extensionsHeader = "Sec-WebSocket-Extensions"
	deflate          = "permessage-deflate"
)

// changeProtocol answers an exchange that changes the protocol of the connection, and plays what was recorded of the other one.
func (c *http1Connection) changeProtocol(ctx context.Context, m *http1.Message, found match.Match) {
	follower, ok := c.server.index.Follow(found)
	if !ok {
		return // such an exchange is not played at all
	}
	asked := m.Get(extensionsHeader)
	understands := strings.Contains(asked, deflate)
	c.out = appendSwitching(c.out[:0], found.Record.GetResponse().GetHead(), m.Get("Sec-WebSocket-Key"), understands)
	if _, err := c.Write(c.out); err != nil {
		return
	}
	if follower.Record.GetProtocol() != traffic.ProtocolWebSocket {
		c.playOpaque(ctx, c.server.index.ConverseAs(follower))
		return
	}
	w := &webSocketConnection{
		connection: c.connection, played: follower, key: match.Destination(match.HostName(follower.Record.GetHost()), follower.Record.GetPort()),
		inflates: !understands, script: match.ScriptOfServer(follower.Record), last: time.Now(),
	}
	w.play(ctx)
}

// appendSwitching appends a recorded head with the answer to this client's key. A client that did not ask for compression is not
// told of it.
func appendSwitching(dst, head []byte, key string, understands bool) []byte {
	for line := range bytes.Lines(head) {
		name, _, _ := strings.Cut(string(line), ":")
		switch {
		case strings.EqualFold(name, acceptHeader):
			dst = append(dst, acceptHeader+": "+websocket.Accept(key)+"\r\n"...)
		case strings.EqualFold(name, extensionsHeader) && !understands:
		default:
			dst = append(dst, line...)
		}
	}
	return dst
}
