// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"strconv"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic"
)

// stream writes a response whose parts came one after the other, such as server-sent events, each at its time after the one
// before, and tells whether the connection goes on. A stream that the client ended in the recording stays open until it does so again.
func (c *http1Connection) stream(ctx context.Context, m *http1.Message, found match.Match) bool {
	response, reply := found.Record.GetResponse(), c.replies[found.Number]
	if _, err := c.Write(response.GetHead()); err != nil {
		return false
	}
	written, at, rest := time.Now(), response.GetFirstByte(), response.GetBody()
	for part := range traffic.Parts(response) {
		if !c.wait(ctx, since(part.At, at), written) || !c.writePart(part.Bytes, reply.chunks) {
			return false
		}
		written, at, rest = time.Now(), part.At, rest[len(part.Bytes):]
	}
	if !c.writePart(rest, reply.chunks) {
		return false
	}
	if found.Record.GetEndedBy() == traffic.EndedByClient {
		c.hold(longestHold)
		return false
	}
	c.out = c.out[:0]
	if reply.chunks {
		c.out = append(c.out, "0\r\n\r\n"...)
	}
	return c.send(m.Close || reply.closes)
}

// writePart writes a part of a body. An empty chunk would be its end.
func (c *http1Connection) writePart(part []byte, chunk bool) bool {
	if len(part) == 0 {
		return true
	}
	c.out = c.out[:0]
	if chunk {
		c.out = append(strconv.AppendInt(c.out, int64(len(part)), 16), "\r\n"...)
	}
	c.out = append(c.out, part...)
	if chunk {
		c.out = append(c.out, "\r\n"...)
	}
	_, err := c.Write(c.out)
	return err == nil
}
