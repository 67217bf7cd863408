// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic"
)

const (
	// longestMessage of a client is compared whole, and of a server is inflated, in bytes.
	longestMessage = match.WholeBody
	// internalError is the close code of a WebSocket whose client says what was not recorded.
	internalError = 1011
)

// webSocketConnection plays the messages of a server, each when the client has said what it had said before it.
type webSocketConnection struct {
	*connection
	played   match.Match
	key      string // of the destination
	inflates bool   // the client does not understand compressed messages
	script   *websocket.Script
	next     int // of the steps of the script
	heard    int // messages of the client, without control messages
	last     time.Time
	outgoing websocket.Inflater // of what is sent to a client that does not inflate
	incoming websocket.Inflater
	recorded websocket.Inflater // of what the client said in the recording
}

// heardMessage is what the client said, or why it says nothing more.
type heardMessage struct {
	message *websocket.Message
	err     error
}

func (w *webSocketConnection) play(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w.server.reporter.Matched(w.key, w.played.Record.GetOperation(), w.played)
	w.last = time.Now()
	messages := w.listen(ctx)
	for w.goOn(ctx, messages) {
	}
}

// listen reads what the client says until the connection ends.
func (w *webSocketConnection) listen(ctx context.Context) <-chan heardMessage {
	messages := make(chan heardMessage)
	frames := websocket.NewReader(w.r, true, websocket.Limits{Payload: longestMessage})
	go func() {
		for {
			m, err := frames.Next()
			select {
			case messages <- heardMessage{m, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return messages
}

// goOn does what comes next and tells whether anything may follow.
func (w *webSocketConnection) goOn(ctx context.Context, messages <-chan heardMessage) bool {
	var due <-chan time.Time
	switch {
	case w.next < len(w.script.Steps) && w.script.Steps[w.next].After <= w.heard:
		timer := time.NewTimer(w.delay(w.script.Steps[w.next].Delay) - time.Since(w.last))
		defer timer.Stop()
		due = timer.C
	case w.over() && !w.script.OtherEnds && w.played.Record.GetFailure() != "":
		w.reset() // the only way in which what is open already fails
		return false
	case w.over() && !w.script.OtherEnds && w.played.Record.GetEndedBy() == traffic.EndedByServer:
		w.leave(ctx, messages) // without a word, as the recorded server
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-due:
		return w.speak(ctx, messages)
	case h := <-messages:
		return w.take(ctx, h, messages)
	}
}

// over tells whether both sides have said all that was recorded.
func (w *webSocketConnection) over() bool {
	return w.next == len(w.script.Steps) && w.heard >= len(w.script.Answers)
}

func (w *webSocketConnection) delay(recorded time.Duration) time.Duration {
	if !w.server.policy.Recorded {
		return 0
	}
	return recorded
}

func (w *webSocketConnection) speak(ctx context.Context, messages <-chan heardMessage) bool {
	step := w.script.Steps[w.next]
	w.next++
	w.last = time.Now()
	m := &websocket.Message{Kind: step.Kind, Payload: step.Payload}
	if w.inflates && m.Kind&websocket.Compressed != 0 {
		payload, err := w.outgoing.Inflate(m, longestMessage)
		if err != nil {
			w.miss("what the server said cannot be sent to a client that asked for no compression: " + err.Error())
			return false
		}
		m.Kind, m.Payload = m.Kind&^websocket.Compressed, payload
	}
	if !w.say(m.Kind, m.Payload) {
		return false
	}
	if m.Opcode() == websocket.Close {
		w.leave(ctx, messages)
		return false
	}
	return true
}

func (w *webSocketConnection) say(kind uint8, payload []byte) bool {
	_, err := w.Write(websocket.Append(nil, kind, payload, nil))
	return err == nil
}

// take answers pings and the end, and compares what else the client says with the recording.
func (w *webSocketConnection) take(ctx context.Context, h heardMessage, messages <-chan heardMessage) bool {
	switch {
	case errors.Is(h.err, websocket.ErrMalformed):
		w.miss("a message could not be read: " + h.err.Error())
		return false
	case h.err != nil: // the client has gone, which it may at any time
		return false
	case h.message.Opcode() == websocket.Ping:
		return w.say(websocket.Pong, h.message.Payload)
	case h.message.Opcode() == websocket.Close:
		w.say(websocket.Close, h.message.Payload)
		w.leave(ctx, messages)
		return false
	case h.message.IsControl():
		return true
	}
	if why := w.difference(h.message); why != "" {
		w.miss(fmt.Sprintf("message %d of the client is not the recorded one (%s): %s", w.heard+1, w.played.Record.GetId(), why))
		return false
	}
	w.heard++
	w.last = time.Now()
	return true
}

// difference says how the next message of the client differs from the recorded one, "" when it does not.
func (w *webSocketConnection) difference(m *websocket.Message) string {
	if w.heard == len(w.script.Answers) {
		return "the recording has no more"
	}
	want := w.script.Answers[w.heard]
	recorded := &websocket.Message{Kind: want.Kind, Payload: want.Payload}
	held, err := w.recorded.Inflate(recorded, longestMessage)
	if err != nil {
		return "the recorded one cannot be read: " + err.Error()
	}
	said, err := w.incoming.Inflate(m, longestMessage)
	switch {
	case err != nil:
		return err.Error()
	case m.Truncated():
		return fmt.Sprintf("it has %d bytes, recorded %d", m.Length, len(held))
	case m.Opcode() != recorded.Opcode():
		return fmt.Sprintf("its opcode is %d, recorded %d", m.Opcode(), recorded.Opcode())
	}
	return w.server.index.DifferenceOfBodies(said, held)
}

// miss reports a miss and ends the connection as the policy says.
func (w *webSocketConnection) miss(why string) {
	w.server.reporter.MissedMessage(w.key, w.played.Record.GetOperation(), why)
	if w.server.policy.MissStatus == 0 {
		w.reset()
		return
	}
	w.say(websocket.Close, websocket.AppendClose(nil, internalError, "the recording does not hold this message"))
	_ = w.CloseWrite() // fails only when the connection is gone
}

// leave ends the connection after all that was written has arrived.
func (w *webSocketConnection) leave(ctx context.Context, messages <-chan heardMessage) {
	if w.CloseWrite() != nil {
		return
	}
	timer := time.NewTimer(lingering)
	defer timer.Stop()
	for {
		select {
		case h := <-messages:
			if h.err != nil {
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
