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
	"github.com/restage-dev/restage/pkg/traffic"
)

const (
	// quiet is how long a client must be silent before what it sent is taken for all, where a longer turn was also recorded.
	quiet = 100 * time.Millisecond
	// turn is how long the rest of a turn of the client may take.
	turn = 10 * time.Second
)

// opaquePlayer plays connections of protocols that are not known, turn by turn: when a client has sent the bytes of a recorded
// turn, what the server said then is sent.
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
	case c.server.index.BeginsOpaque(c.host, port, first):
		return http1.Yes
	}
	return http1.No
}

func (opaquePlayer) play(ctx context.Context, c *connection) {
	c.playOpaque(ctx, c.server.index.Converse(c.host, c.hello.GetPort()))
}

func (c *connection) playOpaque(ctx context.Context, talk *match.Conversation) {
	o := &opaqueConnection{connection: c, talk: talk, last: time.Now()}
	if o.talk.Empty() {
		o.missed(c.r.Buffered(), "")
		return
	}
	for o.goOn(ctx) {
	}
}

// opaqueConnection is a connection that is played by its bytes.
type opaqueConnection struct {
	*connection
	talk    *match.Conversation
	last    time.Time // when somebody spoke
	sent    int       // bytes of the client
	matched bool      // was reported
	settled bool      // the client waits for an answer
	gone    bool      // the client says nothing more at all
}

// goOn does what comes next and tells whether anything may follow.
func (o *opaqueConnection) goOn(ctx context.Context) bool {
	switch o.talk.Cue(o.settled) {
	case match.Speak:
		return o.speak(ctx)
	case match.End:
		return o.end(ctx)
	case match.Unsure:
		return o.listen(quiet)
	}
	if o.talk.BetweenTurns() {
		return !o.gone && o.listen(0)
	}
	if o.gone {
		o.missed(o.sent, o.talk.Missing())
		return false
	}
	return o.listen(turn)
}

func (o *opaqueConnection) speak(ctx context.Context) bool {
	o.report()
	step := o.talk.Step()
	if !o.wait(ctx, step.Delay, o.last) {
		return false
	}
	_, err := o.Write(step.Bytes)
	o.last = time.Now()
	return err == nil
}

// end ends the connection as it ended in the recording. One that the client ended there may go on as another recorded one does.
func (o *opaqueConnection) end(ctx context.Context) bool {
	o.report()
	record := o.talk.Record().Record
	switch {
	case record.GetFailure() != "":
		o.fail(ctx, record, o.last)
		return false
	case record.GetEndedBy() != traffic.EndedByServer && len(record.GetResponse().GetPieces()) > 0 && !o.gone:
		return o.listen(0)
	}
	if n := int(o.finish()); n > 0 {
		o.miss(o.sent+n, fmt.Sprintf("the client sent %d bytes more than was recorded", n))
	}
	return false
}

// report counts the connection as matched, once.
func (o *opaqueConnection) report() {
	if !o.matched {
		o.matched = true
		o.server.reporter.Matched(match.Destination(o.host, o.hello.GetPort()), "", o.talk.Record())
	}
}

// listen takes what the client says next, within d if that is not 0.
func (o *opaqueConnection) listen(d time.Duration) bool {
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = o.SetReadDeadline(deadline) // fails only when the connection is gone, and so does reading
	_, err := o.r.Peek(1)
	switch {
	case err == nil:
		return o.take()
	case errors.Is(err, os.ErrDeadlineExceeded) && d == turn:
		o.missed(o.sent, o.talk.Missing())
		return false
	case !errors.Is(err, os.ErrDeadlineExceeded):
		o.gone = true
	}
	o.settled = true
	return true
}

func (o *opaqueConnection) take() bool {
	said, _ := o.r.Peek(o.r.Buffered()) // cannot fail
	if !o.talk.Take(said) {
		o.missed(o.sent+len(said), o.talk.Difference(said))
		return false
	}
	_, _ = o.r.Discard(len(said)) // cannot fail
	o.sent += len(said)
	o.last, o.settled = time.Now(), false
	return true
}

// missed reports a miss and resets the connection.
func (o *opaqueConnection) missed(sent int, why string) {
	o.miss(sent, why)
	o.reset()
}

func (o *opaqueConnection) miss(sent int, why string) {
	o.server.reporter.MissedOpaque(o.host, o.hello.GetPort(), sent, why)
}
