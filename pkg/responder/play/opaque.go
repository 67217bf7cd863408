// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/responder/match"
)

const (
	// quiet is how long a client must be silent before what it sent is taken for all, where a longer request was also recorded.
	quiet = 100 * time.Millisecond
	// turn is how long the rest of a recorded request may take.
	turn = 10 * time.Second
)

// opaquePlayer plays connections of protocols that are not known: when all bytes of a recorded request have come, and no
// others, its response is sent. Conversations of several turns cannot be played that way and are missed.
type opaquePlayer struct{}

func newOpaquePlayer(*Server) player { return opaquePlayer{} }

// detect takes connections whose server speaks first. A word could become a method of HTTP/1; it does not when all of it was
// recorded as something else.
func (opaquePlayer) detect(c *connection, first []byte) http1.Verdict {
	port := c.hello.GetPort()
	switch {
	case len(first) == 0 && c.server.index.SpeaksFirst(c.host, port):
		return http1.Yes
	case len(first) == 0:
		return http1.Undecided
	case c.server.index.OpaqueProgress(c.host, port, first).Whole:
		return http1.Yes
	}
	return http1.No
}

func (opaquePlayer) play(ctx context.Context, c *connection) {
	sent, why := c.readOpaque()
	received := time.Now()
	port := c.hello.GetPort()
	found, ok := c.server.index.ClaimOpaque(c.host, port, sent)
	if !ok {
		c.server.reporter.MissedOpaque(c.host, port, len(sent), why)
		c.reset()
		return
	}
	c.server.reporter.Matched(match.Destination(c.host, port), "", found)
	if found.Record.GetFailure() != "" {
		c.fail(ctx, found.Record, received)
		return
	}
	if !c.wait(ctx, delay(found.Record), received) {
		return
	}
	if _, err := c.Write(found.Record.GetResponse().GetBody()); err != nil {
		return
	}
	if n := c.finish(); n > 0 {
		c.server.reporter.MissedOpaque(c.host, port, int(n), fmt.Sprintf("the client sent %d bytes more than was recorded", n))
	}
}

// readOpaque reads what the client sends as long as it begins a recorded request. why is "" when it may be one whole.
func (c *connection) readOpaque() (sent []byte, why string) {
	if c.server.index.SpeaksFirst(c.host, c.hello.GetPort()) {
		return nil, "" // waiting for the client is in vain
	}
	for {
		buffered, _ := c.r.Peek(c.r.Buffered()) // cannot fail
		sent = append(sent, buffered...)
		_, _ = c.r.Discard(len(buffered)) // cannot fail
		progress := c.server.index.OpaqueProgress(c.host, c.hello.GetPort(), sent)
		if !progress.Longer {
			return sent, ""
		}
		d := turn
		if progress.Whole {
			d = quiet
		}
		_ = c.SetReadDeadline(time.Now().Add(d)) // fails only when the connection is gone, and so does reading
		_, err := c.r.Peek(1)
		switch {
		case err == nil:
		case progress.Whole, !errors.Is(err, os.ErrDeadlineExceeded):
			return sent, ""
		default:
			return sent, "the client waited for an answer before it sent all of a recorded request; conversations of several turns are not played"
		}
	}
}
