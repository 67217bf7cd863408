// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// longestMessage of a WebSocket is compared, in bytes.
const longestMessage = 1 << 20

// errNotOpened says that the target did not open the WebSocket whose messages were to be sent.
var errNotOpened = errors.New("the WebSocket was not opened")

// conversation is a WebSocket on which the recorded client is played to the target.
type conversation struct {
	link     *link
	script   *websocket.Script
	speed    float64
	deflates bool // the target understands compressed messages
	sending  websocket.Inflater
	next     int // of the steps of the script
	heard    []*websocket.Message
	last     time.Time // when somebody said something
	closed   bool      // the client has said that it ends
}

// converse sends the recorded messages of the client, each when the target has said as many messages as it had then, and returns
// what the target said, in the form of recordedMessages.
func (l *link) converse(ctx context.Context, q *request, deadline time.Time) (*http1.Message, error) {
	if l.upgraded == nil {
		return nil, errNotOpened
	}
	defer l.close()
	if err := l.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	request, response := q.record.GetRequest(), q.record.GetResponse()
	c := &conversation{
		link: l, speed: q.speed, last: time.Now(), script: websocket.NewScript(request.GetFirstByte(), parts(request), parts(response)),
		deflates: strings.Contains(l.upgraded.Get("Sec-WebSocket-Extensions"), "permessage-deflate"),
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return messagesDocument(c.heard), nil
}

// run talks until both sides have said what was recorded, or the target ends it. That the time is over shows in what is missing.
func (c *conversation) run(ctx context.Context) error {
	messages, stop := c.listen()
	defer stop()
	for !c.over() {
		if done, err := c.goOn(ctx, messages); done || err != nil {
			return err
		}
	}
	if !c.closed {
		return c.write(websocket.Close, websocket.AppendClose(nil, 1000, ""))
	}
	return nil
}

// goOn does what comes next and tells whether the target has ended the conversation.
func (c *conversation) goOn(ctx context.Context, messages <-chan heardMessage) (done bool, err error) {
	var due <-chan time.Time
	if c.next < len(c.script.Steps) && c.script.Steps[c.next].After <= len(c.heard) {
		delay := time.Duration(float64(c.script.Steps[c.next].Delay) / c.speed)
		timer := time.NewTimer(delay - time.Since(c.last))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case <-due:
		return false, c.say()
	case h := <-messages:
		return c.take(h)
	}
}

func (c *conversation) over() bool {
	return c.next == len(c.script.Steps) && len(c.heard) >= len(c.script.Answers)
}

// heardMessage is what the target said, or why it says nothing more.
type heardMessage struct {
	message *websocket.Message
	err     error
}

// listen reads what the target says until the connection is closed.
func (c *conversation) listen() (<-chan heardMessage, context.CancelFunc) {
	done, stop := context.WithCancel(context.Background())
	messages := make(chan heardMessage)
	frames := websocket.NewReader(c.link.reader, false, websocket.Limits{Payload: longestMessage})
	go func() {
		for {
			m, err := frames.Next()
			select {
			case messages <- heardMessage{m, err}:
			case <-done.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return messages, stop
}

func (c *conversation) say() error {
	step := c.script.Steps[c.next]
	c.next++
	c.last = time.Now()
	m := &websocket.Message{Kind: step.Kind, Payload: step.Payload}
	if !c.deflates {
		payload, err := c.sending.Inflate(m, longestMessage)
		if err != nil {
			return err
		}
		m.Kind, m.Payload = m.Kind&^websocket.Compressed, payload
	}
	c.closed = c.closed || m.Opcode() == websocket.Close
	return c.write(m.Kind, m.Payload)
}

func (c *conversation) write(kind uint8, payload []byte) error {
	key := rand.Uint32()
	mask := [4]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}
	_, err := c.link.conn.Write(websocket.Append(nil, kind, payload, &mask))
	return err
}

// take tells whether the target has ended the conversation.
func (c *conversation) take(h heardMessage) (done bool, err error) {
	switch {
	case errors.Is(h.err, io.EOF), errors.Is(h.err, os.ErrDeadlineExceeded):
		return true, nil
	case h.err != nil:
		return true, h.err
	case h.message.Opcode() == websocket.Ping:
		return false, c.write(websocket.Pong, h.message.Payload)
	case h.message.Opcode() == websocket.Close:
		if !c.closed {
			err = c.write(websocket.Close, h.message.Payload)
		}
		return true, err
	case h.message.IsControl():
		return false, nil
	}
	c.heard = append(c.heard, h.message)
	c.last = time.Now()
	return false, nil
}

func parts(m *trafficpb.Message) []websocket.Part {
	var all []websocket.Part
	for p := range traffic.Parts(m) {
		all = append(all, websocket.Part{Kind: uint8(p.Kind), Payload: p.Bytes, At: p.At})
	}
	return all
}

// recordedMessages is what the workload said on a recorded WebSocket, as messagesDocument makes it.
func recordedMessages(r *trafficpb.Record) *http1.Message {
	var all []*websocket.Message
	for _, p := range parts(r.GetResponse()) {
		if p.IsData() {
			all = append(all, &websocket.Message{Kind: p.Kind, Payload: p.Payload, Length: int64(len(p.Payload))})
		}
	}
	return messagesDocument(all)
}

// messagesDocument makes one JSON document of messages.
func messagesDocument(messages []*websocket.Message) *http1.Message {
	list := make([]any, 0, len(messages))
	var inflater websocket.Inflater
	for _, m := range messages {
		payload, err := inflater.Inflate(m, longestMessage)
		if err != nil || m.Truncated() {
			list = append(list, bytesOf(m.Payload))
		} else {
			list = append(list, jsonOf(payload))
		}
	}
	return listDocument(list)
}
