// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	nethttp2 "golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http2"
)

// conversations are what both sides say, the exchanges that are made of it, and the errors of those that are lost.
var conversations = map[string]struct {
	client, server func(*wire)
	done           []string
	lost           []string
}{
	"bodies and other frames": {
		client: func(w *wire) {
			_ = w.WriteSettings(nethttp2.Setting{ID: nethttp2.SettingInitialWindowSize, Val: 1 << 20})
			_ = w.WritePing(false, [8]byte{})
			w.ask(1, false, "/a")
			_ = w.WriteWindowUpdate(0, 100)
			_ = w.WriteData(1, false, []byte("one "))
			w.raw(0xbe, 0xff, 1, "of a type that nobody knows")
			w.data(1, "two")
		},
		server: func(w *wire) {
			_ = w.WriteSettings()
			_ = w.WriteSettingsAck()
			w.headers(1, false, ":status", "200")
			w.data(1, "three")
		},
		done: []string{"1: POST /a [one two] > 200 [three]"},
	},
	"CONTINUATION": {
		client: func(w *wire) {
			block := w.encode(":method", "GET", ":path", "/long", "x", strings.Repeat("y", 100))
			_ = w.WriteHeaders(nethttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:1], EndStream: true})
			_ = w.WriteContinuation(1, false, nil)
			_ = w.WriteContinuation(1, false, block[1:9])
			_ = w.WriteContinuation(1, true, block[9:])
		},
		server: func(w *wire) {
			block := w.encode(":status", "204")
			_ = w.WriteHeaders(nethttp2.HeadersFrameParam{StreamID: 1, EndStream: true})
			_ = w.WriteContinuation(1, true, block)
		},
		done: []string{"1: GET /long > 204"},
	},
	"PADDED and with a priority": {
		client: func(w *wire) {
			_ = w.WritePriority(1, nethttp2.PriorityParam{StreamDep: 5, Weight: 3})
			_ = w.WriteHeaders(nethttp2.HeadersFrameParam{
				StreamID: 1, BlockFragment: w.encode(":method", "PUT", ":path", "/p"), EndHeaders: true, PadLength: 255,
				Priority: nethttp2.PriorityParam{StreamDep: 7, Exclusive: true, Weight: 200},
			})
			_ = w.WriteDataPadded(1, true, []byte("text"), make([]byte, 200))
		},
		server: func(w *wire) {
			_ = w.WriteHeaders(nethttp2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encode(":status", "200"), EndHeaders: true, PadLength: 1})
			w.raw(nethttp2.FrameData, nethttp2.FlagDataPadded, 1, "\x03\x00\x00\x00") // padding alone
			_ = w.WriteDataPadded(1, true, []byte("more"), nil)
		},
		done: []string{"1: PUT /p [text] > 200 [more]"},
	},
	"trailers of both sides": {
		client: func(w *wire) {
			w.ask(1, false, "/t")
			_ = w.WriteData(1, false, []byte("q"))
			w.headers(1, true, "sum", "1")
		},
		server: func(w *wire) {
			w.headers(1, false, ":status", "200")
			_ = w.WriteData(1, false, []byte("a"))
			w.headers(1, true, "grpc-status", "0", "grpc-message", "")
		},
		done: []string{"1: POST /t [q] sum: 1; > 200 [a] grpc-status: 0;grpc-message: ;"},
	},
	"trailers that are no text are left out": {
		client: func(w *wire) { w.ask(1, true, "/t") },
		server: func(w *wire) {
			w.headers(1, false, ":status", "200")
			w.headers(1, true, "a", "b\r\nc: d")
		},
		done: []string{"1: POST /t > 200"},
	},
	"1xx before the response": {
		client: func(w *wire) { w.ask(1, false, "/early"); w.data(1, "q") },
		server: func(w *wire) {
			w.headers(1, false, ":status", "100")
			w.headers(1, false, ":status", "103", "link", "</style.css>")
			w.headers(1, true, ":status", "200")
		},
		done: []string{"1: POST /early [q] > 200"},
	},
	"streams end in another order": {
		client: func(w *wire) { w.ask(1, false, "/slow"); w.ask(3, true, "/fast"); w.data(1, "q") },
		server: func(w *wire) {
			w.headers(1, false, ":status", "200")
			w.headers(3, true, ":status", "201")
			w.data(1, "a")
		},
		done: []string{"3: POST /fast > 201", "1: POST /slow [q] > 200 [a]"},
	},
	"RST_STREAM of the client": {
		client: func(w *wire) { w.ask(1, true, "/gone"); _ = w.WriteRSTStream(1, nethttp2.ErrCodeCancel) },
		server: func(w *wire) { w.headers(1, false, ":status", "200"); _ = w.WriteData(1, false, []byte("half")) },
		done:   []string{"1: POST /gone > 200 [half] (stream reset: CANCEL)"},
	},
	"RST_STREAM of the client, too late": {
		client: func(w *wire) { w.ask(1, true, "/whole"); _ = w.WriteRSTStream(1, nethttp2.ErrCodeCancel) },
		server: func(w *wire) { w.headers(1, true, ":status", "200") },
		done:   []string{"1: POST /whole > 200"},
	},
	"RST_STREAM of the server": {
		client: func(w *wire) { w.ask(1, true, "/fault"); w.ask(3, true, "/fine") },
		server: func(w *wire) { _ = w.WriteRSTStream(1, nethttp2.ErrCodeInternal); w.headers(3, true, ":status", "200") },
		done:   []string{"1: POST /fault > (stream reset: INTERNAL_ERROR)", "3: POST /fine > 200"},
	},
	"RST_STREAM of a server that has heard enough": {
		client: func(w *wire) { w.ask(1, false, "/enough"); _ = w.WriteData(1, false, []byte("part")) },
		server: func(w *wire) { w.headers(1, true, ":status", "413"); _ = w.WriteRSTStream(1, nethttp2.ErrCodeNo) },
		done:   []string{"1: POST /enough [part] (stream reset: NO_ERROR) > 413"},
	},
	"GOAWAY": {
		client: func(w *wire) {
			w.ask(1, true, "/taken")
			w.ask(3, true, "/refused")
			_ = w.WriteGoAway(0, nethttp2.ErrCodeNo, nil)
		},
		server: func(w *wire) {
			_ = w.WriteGoAway(1, nethttp2.ErrCodeNo, []byte("bye"))
			w.headers(1, true, ":status", "200")
		},
		done: []string{"3: POST /refused > (stream reset: REFUSED_STREAM)", "1: POST /taken > 200"},
	},
	"PUSH_PROMISE leaves the table right": {
		client: func(w *wire) { w.ask(1, true, "/page") },
		server: func(w *wire) {
			promise := w.encode(":method", "GET", ":path", "/style.css", "server", "the same")
			_ = w.WritePushPromise(nethttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: promise, EndHeaders: true, PadLength: 4})
			w.headers(2, true, ":status", "200")
			w.headers(1, false, ":status", "200")
			w.headers(1, true, "server", "the same") // by its index
		},
		done: []string{"1: POST /page > 200 server: the same;"},
	},
	"HEADERS too long": {
		client: func(w *wire) { w.ask(1, true, "/", "x", strings.Repeat("y", headLimit)); w.ask(3, true, "/next") },
		server: func(w *wire) {
			w.headers(1, true, ":status", "200")
			w.headers(3, true, ":status", "200", "x", strings.Repeat("y", headLimit))
		},
		done: []string{"3: POST /next > (HTTP/2 head longer than the limit)"},
		lost: []string{"HTTP/2 head longer than the limit"},
	},
	"heads that are no text": {
		client: func(w *wire) {
			w.headers(1, true, ":method", "GET", ":path", "/a b")
			w.headers(3, true, ":method", "", ":path", "/")
			w.ask(5, true, "/", "a", "b\r\nc: d")
			w.ask(7, true, "/fine")
		},
		server: func(w *wire) {
			for i := uint32(1); i < 7; i += 2 {
				w.headers(i, true, ":status", "200")
			}
			w.headers(7, true, ":status", "two hundred")
		},
		done: []string{"7: POST /fine > (malformed HTTP/2: bad status)"},
		lost: []string{
			"malformed HTTP/2: bad method, path or authority", "malformed HTTP/2: bad method, path or authority", "malformed HTTP/2: bad field",
		},
	},
	"responses without a head": {
		client: func(w *wire) { w.ask(1, true, "/early"); w.ask(3, true, "/body") },
		server: func(w *wire) { w.headers(1, true, ":status", "103"); w.data(3, "a") },
		done: []string{
			"1: POST /early > (malformed HTTP/2: the stream ended without a head)",
			"3: POST /body > (malformed HTTP/2: the stream ended without a head)",
		},
	},
	"frames of streams that nobody opened": {
		client: func(w *wire) {
			w.data(1, "before the head")
			w.ask(3, true, "/", "x-first", "y")
			w.ask(2, true, "/even")
			_ = w.WriteRSTStream(9, nethttp2.ErrCodeCancel)
		},
		server: func(w *wire) {
			w.data(1, "a")
			w.headers(3, true, ":status", "200")
			w.headers(5, true, ":status", "200")
		},
		done: []string{"3: POST / > 200"},
		lost: []string{"EOF"},
	},
	"the end of the connection": {
		client: func(w *wire) { w.ask(1, false, "/open"); w.ask(3, true, "/waits") },
		server: func(w *wire) {
			w.headers(1, false, ":status", "200")
			w.raw(nethttp2.FrameData, 0, 1, "abc")
			w.out.Truncate(w.out.Len() - 1)
		},
		done: []string{"1: POST /open (EOF) > 200 [ab] (unexpected EOF)", "3: POST /waits > (unexpected EOF)"},
	},
}

func TestConversations(t *testing.T) {
	for name, c := range conversations {
		t.Run(name, func(t *testing.T) {
			client, server := newWire(), newWire()
			c.client(client)
			c.server(server)
			h := hear(t, client.out.Bytes(), server.out.Bytes())
			var done, lost []string
			for _, x := range h.done {
				done = append(done, describe(x))
			}
			for _, err := range h.lost {
				lost = append(lost, err.Error())
			}
			if !slices.Equal(done, c.done) {
				t.Errorf("done %q, want %q", done, c.done)
			}
			if !slices.Equal(lost, c.lost) {
				t.Errorf("lost %q, want %q", lost, c.lost)
			}
		})
	}
}

// malformed are the frames after which a direction cannot be read on.
var malformed = []struct {
	name  string
	write func(*wire)
	want  string
}{
	{"DATA of the connection", func(w *wire) { w.raw(nethttp2.FrameData, 0, 0, "x") }, "DATA on stream 0"},
	{"HEADERS of the connection", func(w *wire) { w.raw(nethttp2.FrameHeaders, 4, 0, "") }, "HEADERS on stream 0"},
	{"padding without a length", func(w *wire) { w.raw(nethttp2.FrameData, nethttp2.FlagDataPadded, 1, "") }, "DATA without the length of its padding"},
	{
		"more padding than frame", func(w *wire) { w.raw(nethttp2.FrameHeaders, nethttp2.FlagHeadersPadded, 1, "\x05abcd") },
		"HEADERS of 5 bytes with 5 bytes of padding",
	},
	{"a priority cut off", func(w *wire) { w.raw(nethttp2.FrameHeaders, nethttp2.FlagHeadersPriority, 3, "abcd") }, "HEADERS of 4 bytes"},
	{"a promise cut off", func(w *wire) { w.raw(nethttp2.FramePushPromise, 4, 3, "abc") }, "PUSH_PROMISE of 3 bytes"},
	{"CONTINUATION alone", func(w *wire) { w.raw(nethttp2.FrameContinuation, 4, 1, "") }, "CONTINUATION after no HEADERS"},
	{
		"another frame amid a block", func(w *wire) { w.raw(nethttp2.FrameHeaders, 0, 3, ""); w.data(1, "x") },
		"DATA amid a header block",
	},
	{
		"CONTINUATION of another stream", func(w *wire) { w.raw(nethttp2.FrameHeaders, 0, 3, ""); w.raw(nethttp2.FrameContinuation, 4, 5, "") },
		"CONTINUATION amid a header block",
	},
	{"an index out of the table", func(w *wire) { w.raw(nethttp2.FrameHeaders, 4, 3, "\xfe") }, "header block: decoding error: invalid indexed representation index 126"},
	{"a block cut off", func(w *wire) { w.raw(nethttp2.FrameHeaders, 4, 3, "\x40\x05ab") }, "header block: decoding error: truncated headers"},
	{"a table too large", func(w *wire) { w.raw(nethttp2.FrameHeaders, 4, 3, "\x3f\xff\xff\xff\x07") }, "header block: decoding error: dynamic table size update too large"},
	{"RST_STREAM too short", func(w *wire) { w.raw(nethttp2.FrameRSTStream, 0, 1, "abc") }, "RST_STREAM of 3 bytes on stream 1"},
	{"RST_STREAM of the connection", func(w *wire) { w.raw(nethttp2.FrameRSTStream, 0, 0, "abcd") }, "RST_STREAM of 4 bytes on stream 0"},
	{"GOAWAY too short", func(w *wire) { w.raw(nethttp2.FrameGoAway, 0, 0, "abcd") }, "GOAWAY of 4 bytes on stream 0"},
	{"GOAWAY of a stream", func(w *wire) { w.raw(nethttp2.FrameGoAway, 0, 1, "abcdefgh") }, "GOAWAY of 8 bytes on stream 1"},
}

func TestMalformedFrames(t *testing.T) {
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			w := newWire()
			w.ask(1, false, "/")
			c.write(w)
			h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), w.out.Bytes()...)), stream(w.out.Bytes()), 0)
			for side, read := range map[string]func() error{"client": h.conversation.Requests, "server": h.conversation.Responses} {
				if err := read(); !errors.Is(err, http2.ErrMalformed) || err.Error() != "malformed HTTP/2: "+c.want {
					t.Errorf("of the %s: %v, want %s", side, err, c.want)
				}
			}
		})
	}
}
