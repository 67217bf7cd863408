// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2_test

import (
	"errors"
	"io"
	"testing"

	nethttp2 "golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
)

// FuzzConversation reads any bytes as those of both sides, in either order or side by side.
func FuzzConversation(f *testing.F) {
	for name, c := range conversations {
		client, server := newWire(), newWire()
		c.client(client)
		c.server(server)
		f.Add(client.out.Bytes(), server.out.Bytes(), uint8(len(name)))
	}
	for _, c := range malformed {
		w := newWire()
		w.ask(1, false, "/")
		c.write(w)
		f.Add(w.out.Bytes(), w.out.Bytes(), uint8(0))
	}
	f.Fuzz(func(t *testing.T, requests, responses []byte, order uint8) {
		const budget = 128 << 10
		h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), requests...)), stream(responses), budget)
		sent, received := run(h.conversation, order)
		h.finish(sent, received)
		for _, err := range append(h.lost, sent, received) {
			var reset *http2.ResetError
			if !isEnd(err) && !errors.Is(err, http2.ErrMalformed) && !errors.Is(err, http2.ErrHeadTooLong) && !errors.As(err, &reset) {
				t.Errorf("error %v", err)
			}
		}
		if used := h.budget.Used(); used != 0 {
			t.Errorf("%d bytes are held after the end", used)
		}
		seen := map[uint32]bool{}
		for _, x := range h.done {
			if seen[x.Stream] || x.Stream%2 == 0 || x.Request.Message == nil {
				t.Errorf("stream %d: twice %v", x.Stream, seen[x.Stream])
			}
			seen[x.Stream] = true
			checkHalf(t, &x.Request, len(requests))
			checkHalf(t, &x.Response, len(responses))
		}
	})
}

func run(c *http2.Conversation, order uint8) (sent, received error) {
	switch order % 3 {
	case 0:
		sent = c.Requests()
		received = c.Responses()
	case 1:
		received = c.Responses()
		sent = c.Requests()
	default:
		done := make(chan error)
		go func() { done <- c.Requests() }()
		received = c.Responses()
		sent = <-done
	}
	return sent, received
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// checkHalf checks that what is kept is bounded, and can be read again.
func checkHalf(t *testing.T, h *http2.Half, came int) {
	t.Helper()
	if h.Last < h.First {
		t.Errorf("the last byte came at %d, before the first at %d", h.Last, h.First)
	}
	m := h.Message
	if m == nil {
		if h.Err == nil {
			t.Error("neither a message nor an error")
		}
		return
	}
	if len(m.Head) > headLimit || len(h.Trailers) > headLimit || len(m.Body) > bodyLimit || m.BodyLength > int64(came) {
		t.Errorf("head %d, trailers %d, body %d of %d bytes", len(m.Head), len(h.Trailers), len(m.Body), m.BodyLength)
	}
	if !m.Truncated && int64(len(m.Body)) != m.BodyLength {
		t.Errorf("a body of %d bytes has length %d", len(m.Body), m.BodyLength)
	}
	again, err := http1.ParseHead(m.Head)
	if err != nil || again.Method != m.Method || again.Target != m.Target || again.Status != m.Status || len(again.Headers) != len(m.Headers) {
		t.Errorf("head %q is read again as %+v, %v", m.Head, again, err)
	}
	if fields, err := http1.ParseFields(h.Trailers); err != nil || len(fields) != len(m.Trailers) {
		t.Errorf("trailers %q are read again as %v, %v", h.Trailers, fields, err)
	}
}
