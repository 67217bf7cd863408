// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// quiet is how long the workload must be silent before what it said is taken for a whole turn, when that is not the recorded one.
const quiet = 100 * time.Millisecond

// talk is a connection of a protocol that is not known, on which the recorded client is played to the target by its bytes.
type talk struct {
	link     *link
	deadline time.Time
	speed    float64
	room     int // bytes that the target may still say
	heard    [][]byte
	last     time.Time // when somebody said something
	over     bool      // the target says nothing more
}

// talk says what the recorded client said, each turn when the target has said what it had said then, or something else, and returns what the
// target said, in the form of recordedTurns.
func (l *link) talk(ctx context.Context, q *request, deadline time.Time) (*http1.Message, error) {
	defer l.close()
	t := &talk{
		link: l, deadline: deadline, speed: q.speed, last: time.Now(), room: 2*len(q.record.GetResponse().GetBody()) + bodySlack,
	}
	if err := t.run(ctx, clientScript(q.record)); err != nil {
		return nil, err
	}
	if err := t.end(ctx, q.record.GetEndedBy()); err != nil {
		return nil, err
	}
	return turnsDocument(t.heard), nil
}

// clientScript is a recorded connection as whoever plays the client needs it, with the sides exchanged: its steps are what the client said, and
// its Client is what the workload said.
func clientScript(r *trafficpb.Record) *opaque.Script {
	client, server := opaque.Sides(r)
	return opaque.NewScript(server, client)
}

func (t *talk) run(ctx context.Context, script *opaque.Script) error {
	from := 0
	for _, step := range script.Steps {
		if err := t.hear(ctx, script.Client[from:step.After]); err != nil || t.over {
			return err
		}
		from = step.After
		if err := t.say(ctx, step); err != nil {
			return err
		}
	}
	return t.hear(ctx, script.Client[from:])
}

func (t *talk) say(ctx context.Context, step opaque.Step) error {
	timer := time.NewTimer(time.Duration(float64(step.Delay)/t.speed) - time.Since(t.last))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := t.link.conn.Write(step.Bytes)
	t.last = time.Now()
	return err
}

// hear takes a turn of the target, if it had one. It is whole when it is the recorded one. Of another nobody knows how long it is: it lasts until
// the target is silent.
func (t *talk) hear(ctx context.Context, recorded []byte) error {
	if len(recorded) == 0 {
		return nil
	}
	var said []byte
	for !t.over && !bytes.Equal(said, recorded) {
		wait := quiet
		if bytes.HasPrefix(recorded, said) {
			wait = time.Until(t.deadline)
		}
		part, err := t.read(ctx, wait)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			break
		}
		said = append(said, part...)
	}
	t.note(said)
	return nil
}

func (t *talk) note(said []byte) {
	if len(said) > 0 {
		t.heard = append(t.heard, said)
	}
}

// read returns what the target says within a time, nothing when it says nothing. It notes when nothing more is to be expected.
func (t *talk) read(ctx context.Context, wait time.Duration) ([]byte, error) {
	if err := t.link.conn.SetReadDeadline(time.Now().Add(min(wait, time.Until(t.deadline)))); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // it may have ended before the deadline was set
		return nil, err
	}
	_, err := t.link.reader.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		t.over = true
		return nil, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		t.over = !time.Now().Before(t.deadline)
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	part := make([]byte, t.link.reader.Buffered())
	_, _ = io.ReadFull(t.link.reader, part) // cannot fail: it is there
	t.last = time.Now()
	t.room -= len(part)
	t.over = t.room < 0
	return part, nil
}

// end takes what the target says beyond the recording. A client that ended the connection says so first.
func (t *talk) end(ctx context.Context, endedBy string) error {
	if half, ok := t.link.conn.(interface{ CloseWrite() error }); ok && endedBy == traffic.EndedByClient && !t.over {
		_ = half.CloseWrite() // fails only when the connection is gone, and so does reading
	}
	var more []byte
	for !t.over {
		part, err := t.read(ctx, quiet)
		if len(part) == 0 || err != nil { // how it ends does not matter
			break
		}
		more = append(more, part...)
	}
	t.note(more)
	return ctx.Err()
}

// recordedTurns is what the workload said on a recorded connection, as turnsDocument makes it.
func recordedTurns(r *trafficpb.Record) *http1.Message {
	script := clientScript(r)
	var turns [][]byte
	from := 0
	for _, step := range script.Steps {
		if step.After > from {
			turns = append(turns, script.Client[from:step.After])
		}
		from = step.After
	}
	if from < len(script.Client) {
		turns = append(turns, script.Client[from:])
	}
	return turnsDocument(turns)
}

// turnsDocument makes one JSON document of the turns of a workload.
func turnsDocument(turns [][]byte) *http1.Message {
	list := make([]any, 0, len(turns))
	for _, turn := range turns {
		list = append(list, jsonOf(turn))
	}
	return listDocument(list)
}
