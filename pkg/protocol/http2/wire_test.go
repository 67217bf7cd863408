// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	nethttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// headLimit and bodyLimit of the conversations here, in bytes.
const (
	headLimit = 4096
	bodyLimit = 64 << 10
)

// wire writes the frames of one side, with one dynamic table, as its peers do.
type wire struct {
	*nethttp2.Framer
	out     bytes.Buffer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

func newWire() *wire {
	w := &wire{}
	w.Framer = nethttp2.NewFramer(&w.out, nil)
	w.AllowIllegalWrites = true
	w.encoder = hpack.NewEncoder(&w.block)
	return w
}

// encode returns the header block of pairs of names and values.
func (w *wire) encode(pairs ...string) []byte {
	w.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = w.encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}) // a buffer takes everything
	}
	return bytes.Clone(w.block.Bytes())
}

func (w *wire) headers(stream uint32, end bool, pairs ...string) {
	_ = w.WriteHeaders(nethttp2.HeadersFrameParam{StreamID: stream, BlockFragment: w.encode(pairs...), EndHeaders: true, EndStream: end})
}

// ask opens a stream.
func (w *wire) ask(stream uint32, end bool, path string, more ...string) {
	w.headers(stream, end, append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "back"}, more...)...)
}

// data writes a body, and the end of the stream.
func (w *wire) data(stream uint32, text string) { _ = w.WriteData(stream, true, []byte(text)) }

// raw writes a frame as it stands.
func (w *wire) raw(kind nethttp2.FrameType, flags nethttp2.Flags, stream uint32, payload string) {
	_ = w.WriteRawFrame(kind, flags, stream, []byte(payload))
}

// heard is what a conversation told.
type heard struct {
	conversation *http2.Conversation
	budget       *tee.Budget
	done         []*http2.Exchange
	lost         []error
	finished     bool
}

// newHeard returns a conversation that may hold so many bytes in bodies. The streams belong to another budget.
func newHeard(t *testing.T, requests, responses *tee.Stream, budget int64) *heard {
	t.Helper()
	h := &heard{budget: tee.NewBudget(budget)}
	check := func(x *http2.Exchange) {
		if h.finished {
			t.Errorf("stream %d came after the end", x.Stream)
		}
		if used, held := h.budget.Used(), x.Held.Load(); held > used {
			t.Errorf("stream %d holds %d bytes of %d that are taken", x.Stream, held, used)
		}
		h.budget.Give(x.Held.Swap(0))
	}
	h.conversation = http2.NewConversation(tee.NewReader(requests), tee.NewReader(responses), http2.Options{
		HeadLimit: headLimit,
		Limits: func(x *http2.Exchange) http1.Limits {
			return http1.Limits{Head: headLimit, Body: bodyLimit, Reserve: func(n int64) bool {
				if !h.budget.Take(n) {
					return false
				}
				x.Held.Add(n)
				return true
			}}
		},
		Done: func(x *http2.Exchange) {
			check(x)
			h.done = append(h.done, x)
		},
		Lost: func(x *http2.Exchange, err error) {
			check(x)
			h.lost = append(h.lost, err)
		},
	})
	return h
}

// stream returns one that has the bytes, and nothing after them.
func stream(b []byte) *tee.Stream {
	s := tee.NewStream(tee.NewBudget(1<<30), 1<<30, nil)
	s.Write(b, 1)
	s.End(io.EOF, 2)
	return s
}

// hear reads the client's frames, then the server's, and ends the conversation.
func hear(t *testing.T, requests, responses []byte) *heard {
	t.Helper()
	h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), requests...)), stream(responses), 1<<30)
	sent := h.conversation.Requests()
	h.finish(sent, h.conversation.Responses())
	return h
}

func (h *heard) finish(sent, received error) {
	h.conversation.Finish(sent, received)
	h.finished = true
}

// describe writes an exchange in one line: the first lines of its heads, bodies in brackets, trailers, and errors.
func describe(x *http2.Exchange) string {
	return fmt.Sprintf("%d: %s > %s", x.Stream, describeHalf(&x.Request), describeHalf(&x.Response))
}

func describeHalf(h *http2.Half) string {
	var parts []string
	if m := h.Message; m != nil {
		line, _, _ := strings.Cut(string(m.Head), " HTTP/2\r\n")
		line, _, _ = strings.Cut(strings.TrimPrefix(line, "HTTP/2 "), "\r\n")
		parts = append(parts, line)
		if m.BodyLength > 0 {
			parts = append(parts, fmt.Sprintf("[%s]", m.Body))
		}
	}
	if len(h.Trailers) > 0 {
		parts = append(parts, strings.ReplaceAll(string(h.Trailers), "\r\n", ";"))
	}
	if h.Err != nil {
		parts = append(parts, "("+h.Err.Error()+")")
	}
	return strings.Join(parts, " ")
}
