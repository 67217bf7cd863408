// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2_test

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	nethttp2 "golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// TestUpgrade begins with a request of HTTP/1 that asked for h2c: stream 1 answers it, and what asked is left out.
func TestUpgrade(t *testing.T) {
	const asked = "POST /first HTTP/1.1\r\nHost: back\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" +
		"X-Kept: yes\r\nContent-Length: 4\r\n\r\nbody"
	request, err := http1.ReadRequest(bufio.NewReader(strings.NewReader(asked)), http1.Limits{Head: headLimit, Body: bodyLimit})
	if err != nil {
		t.Fatal(err)
	}
	client, server := newWire(), newWire()
	client.ask(3, true, "/second")
	server.headers(3, true, ":status", "204")
	server.headers(1, false, ":status", "200")
	server.data(1, "answer")
	h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), client.out.Bytes()...)), stream(server.out.Bytes()), bodyLimit)
	h.budget.Take(100) // by the body of the request
	if err := h.conversation.Upgraded(request, 1, 2, 100); err != nil {
		t.Fatal(err)
	}
	sent := h.conversation.Requests()
	h.finish(sent, h.conversation.Responses())
	if len(h.done) != 2 || describe(h.done[0]) != "3: POST /second > 204" || describe(h.done[1]) != "1: POST /first [body] > 200 [answer]" {
		t.Fatalf("exchanges %v", h.done)
	}
	first := h.done[1]
	if head := string(first.Request.Message.Head); head != "POST /first HTTP/2\r\nhost: back\r\nx-kept: yes\r\ncontent-length: 4\r\n\r\n" {
		t.Errorf("head %q", head)
	}
	if first.Ordinal != 0 || h.done[0].Ordinal != 1 || h.budget.Used() != 0 {
		t.Errorf("ordinals %d and %d, %d bytes are held", first.Ordinal, h.done[0].Ordinal, h.budget.Used())
	}
}

func TestPrefaceIsMissing(t *testing.T) {
	for first, want := range map[string]error{"GET / HTTP/1.1\r\nHost: back\r\n\r\n": http2.ErrMalformed, "PRI * HTTP/2.0\r\n": io.ErrUnexpectedEOF} {
		h := newHeard(t, stream([]byte(first)), stream(nil), 0)
		if err := h.conversation.Requests(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", first, err, want)
		}
	}
}

// TestResetEndsWhatComesAfter: of a stream that the client broke off, what the server had not said by then is not kept.
func TestResetEndsWhatComesAfter(t *testing.T) {
	client, server := newWire(), newWire()
	client.ask(1, true, "/gone")
	_ = client.WriteRSTStream(1, nethttp2.ErrCodeCancel)
	server.headers(1, false, ":status", "200")
	responses := tee.NewStream(tee.NewBudget(1<<20), 1<<20, nil)
	responses.Write(server.out.Bytes(), 1)
	h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), client.out.Bytes()...)), responses, 0)
	sent := h.conversation.Requests()
	server.out.Reset()
	server.data(1, "late")
	responses.Write(server.out.Bytes(), 2)
	responses.End(io.EOF, 3)
	h.finish(sent, h.conversation.Responses())
	if len(h.done) != 1 || describe(h.done[0]) != "1: POST /gone > 200 (stream reset: CANCEL)" {
		t.Errorf("exchanges %v", h.done)
	}
}

// TestTooManyStreams opens more than are put together at a time: the last are lost, and nothing else is.
func TestTooManyStreams(t *testing.T) {
	const most, more = 4096, 3
	client := newWire()
	for i := range uint32(most + more) {
		client.ask(2*i+1, true, "/")
	}
	h := hear(t, client.out.Bytes(), nil)
	if len(h.done) != most || len(h.lost) != more {
		t.Fatalf("%d exchanges, %d lost", len(h.done), len(h.lost))
	}
	for _, err := range h.lost {
		if !errors.Is(err, http2.ErrTooManyStreams) {
			t.Error(err)
		}
	}
}

// TestWhatIsLostIsGivenBack has a request that cannot be read and a response with a body.
func TestWhatIsLostIsGivenBack(t *testing.T) {
	client, server := newWire(), newWire()
	client.ask(1, true, "/bad path")
	server.headers(1, false, ":status", "200")
	server.data(1, strings.Repeat("x", 10<<10))
	h := newHeard(t, stream(append([]byte(nethttp2.ClientPreface), client.out.Bytes()...)), stream(server.out.Bytes()), bodyLimit)
	sent, received := h.conversation.Requests(), h.conversation.Responses()
	if len(h.lost) != 1 || h.budget.Used() != 0 {
		t.Errorf("%d lost, %d bytes are held", len(h.lost), h.budget.Used())
	}
	h.finish(sent, received)
}

func TestPushesAreCounted(t *testing.T) {
	client, server := newWire(), newWire()
	client.ask(1, true, "/")
	for i := range uint32(2) {
		promise := server.encode(":method", "GET", ":path", "/pushed")
		_ = server.WritePushPromise(nethttp2.PushPromiseParam{StreamID: 1, PromiseID: 2 + 2*i, BlockFragment: promise, EndHeaders: true})
	}
	server.headers(1, true, ":status", "200")
	if h := hear(t, client.out.Bytes(), server.out.Bytes()); h.conversation.Promised() != 2 || len(h.done) != 1 {
		t.Errorf("%d promised, exchanges %v", h.conversation.Promised(), h.done)
	}
}

func TestDetect(t *testing.T) {
	for first, want := range map[string]http1.Verdict{
		"": http1.Undecided, "P": http1.Undecided, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r": http1.Undecided, "POST": http1.No,
		"PRI * HTTP/1.1\r\n\r\n": http1.No, nethttp2.ClientPreface: http1.Yes, nethttp2.ClientPreface + "\x00": http1.Yes,
	} {
		if got := http2.Detect([]byte(first)); got != want {
			t.Errorf("%q: %v, want %v", first, got, want)
		}
	}
	settings := "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x0a"
	for first, want := range map[string]bool{
		settings: true, settings[:9]: true, settings[:8]: false, "220 mail ready\r\n": false,
		"\x00\x00\x05" + settings[3:]: false, settings[:4] + "\x01" + settings[5:]: false, settings[:8] + "\x01": false, "\xff\xff\xfc" + settings[3:]: false,
	} {
		if got := http2.IsServerPreface([]byte(first)); got != want {
			t.Errorf("%q begins HTTP/2: %v", first, got)
		}
	}
}

// TestDynamicTables: each side has a table of its own, so that the same index means one field to the one and another to the other, and
// each may change its size on the way.
func TestDynamicTables(t *testing.T) {
	client, server := newWire(), newWire()
	const first = 62 // index of a dynamic table: what was added last
	stream := uint32(1)
	for _, size := range []uint32{4096, 0, 200, 4096} {
		client.encoder.SetMaxDynamicTableSize(size)
		server.encoder.SetMaxDynamicTableSize(4096 + 200 - size)
		for again := range 2 {
			client.ask(stream, true, "/asked", "x-same", "of the client")
			if block := client.block.Bytes(); size > 0 && again > 0 && block[len(block)-1] != 0x80|first {
				t.Fatalf("the field is not one of the table: %x", block)
			}
			server.headers(stream, true, ":status", "200", "x-same", "of the server")
			stream += 2
		}
	}
	h := hear(t, client.out.Bytes(), server.out.Bytes())
	if len(h.done) != 8 || len(h.lost) > 0 {
		t.Fatalf("exchanges %v, lost %v", h.done, h.lost)
	}
	for _, x := range h.done {
		if sent, got := x.Request.Message.Get("x-same"), x.Response.Message.Get("x-same"); sent != "of the client" || got != "of the server" {
			t.Errorf("stream %d: %q and %q", x.Stream, sent, got)
		}
	}
}
