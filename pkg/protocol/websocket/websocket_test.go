// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

var key = [4]byte{1, 2, 3, 0xff}

func reader(data []byte, fromClient bool, limit int64) *Reader {
	return NewReader(bufio.NewReaderSize(bytes.NewReader(data), 16), fromClient, Limits{Payload: limit})
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("long ", 20_000)
	for _, masked := range []bool{true, false} {
		mask := &key
		if !masked {
			mask = nil
		}
		var wire []byte
		want := []Message{{Kind: Text, Payload: []byte("hello")}, {Kind: Binary, Payload: []byte{0, 1, 2}}, {Kind: Text}, {Kind: Ping, Payload: []byte("p")},
			{Kind: Text, Payload: []byte(long[:126])}, {Kind: Text | Compressed, Payload: []byte(long[:70_000])}, {Kind: Close, Payload: AppendClose(nil, 1001, "away")}}
		for _, m := range want {
			wire = Append(wire, m.Kind, m.Payload, mask)
		}
		r := reader(wire, masked, 1<<20)
		for i, w := range want {
			got, err := r.Next()
			if err != nil || got.Kind != w.Kind || !bytes.Equal(got.Payload, w.Payload) || got.Length != int64(len(w.Payload)) || got.Truncated() {
				t.Fatalf("message %d: kind %#x with %d bytes, %v", i, got.Kind, len(got.Payload), err)
			}
			if w.Kind == Close && got.CloseCode() != 1001 {
				t.Errorf("close code %d", got.CloseCode())
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
}

func TestFragmentsAndWhatComesBetweenThem(t *testing.T) {
	wire := []byte{Text, 2, 'a', 'b'}           // not the last
	wire = append(wire, finBit|Ping, 1, 'p')    // within the message
	wire = append(wire, continuation, 1, 'c')   // not the last either
	wire = append(wire, finBit, 2, 'd', 'e')    // the last
	wire = append(wire, finBit|Binary, 1, 0xff) // another one
	r := reader(wire, false, 4)
	for _, want := range []Message{{Ping, []byte("p"), 1}, {Text, []byte("abcd"), 5}, {Binary, []byte{0xff}, 1}} {
		got, err := r.Next()
		if err != nil || got.Kind != want.Kind || !bytes.Equal(got.Payload, want.Payload) || got.Length != want.Length {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	}
	r = reader(wire[:4], false, 4)
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an end within a message: %v", err)
	}
}

func TestMalformedFrames(t *testing.T) {
	for name, wire := range map[string][]byte{
		"reserved bits":                 {finBit | 0x20 | Text, 0},
		"reserved opcode":               {finBit | 3, 0},
		"reserved control opcode":       {finBit | 11, 0},
		"masked by the server":          append([]byte{finBit | Text, maskBit}, 0, 0, 0, 0),
		"fragmented control frame":      {Ping, 0},
		"long control frame":            {finBit | Ping, 126, 0, 126},
		"compressed control frame":      {finBit | Ping | Compressed, 0},
		"continuation of nothing":       {finBit, 0},
		"compression that begins late":  {Text, 0, finBit | Compressed, 0},
		"a message within another":      {Text, 0, finBit | Text, 0},
		"a length with its highest bit": {finBit | Binary, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
	} {
		if m, err := reader(wire, false, 100).Next(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	if _, err := reader([]byte{finBit | Text, 0}, true, 100).Next(); !errors.Is(err, ErrMalformed) {
		t.Errorf("a client without a mask: %v", err)
	}
}

func TestPayloadsAreBounded(t *testing.T) {
	wire := Append(nil, Binary, make([]byte, 100_000), nil)
	var reserved int64
	r := NewReader(bufio.NewReader(bytes.NewReader(wire)), false, Limits{Payload: 1 << 20, Reserve: func(n int64) bool {
		reserved += n
		return reserved < 50_000
	}})
	m, err := r.Next()
	if err != nil || !m.Truncated() || len(m.Payload) == 0 || len(m.Payload) > 50_000 || m.Length != 100_000 {
		t.Errorf("%d of %d bytes, %v", len(m.Payload), m.Length, err)
	}
}

// TestInflate reads what a sender compressed that remembers the messages before, over more than its window.
func TestInflate(t *testing.T) {
	var wire bytes.Buffer
	w, err := flate.NewWriter(&wire, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var f Inflater
	last := ""
	for i := range 200 {
		text := last
		for range 20 {
			text += string(rune('a' + random.IntN(26)))
		}
		text = text[max(0, len(text)-3000):]
		last = text
		wire.Reset()
		_, _ = io.WriteString(w, text)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		payload := bytes.TrimSuffix(wire.Bytes(), []byte{0, 0, 0xff, 0xff})
		got, err := f.Inflate(&Message{Kind: Text | Compressed, Payload: payload}, 1<<20)
		if err != nil || string(got) != text {
			t.Fatalf("message %d: %q, %v, want %q", i, got, err, text)
		}
	}
	if got, err := f.Inflate(&Message{Kind: Text, Payload: []byte("plain")}, 1); err != nil || string(got) != "plain" {
		t.Errorf("%q, %v", got, err)
	}
	wire.Reset()
	_, _ = w.Write(make([]byte, 5000))
	_ = w.Flush()
	if _, err := f.Inflate(&Message{Kind: Text | Compressed, Payload: wire.Bytes()}, 4999); err == nil {
		t.Error("more than the limit was inflated")
	}
	if _, err := new(Inflater).Inflate(&Message{Kind: Text | Compressed, Payload: []byte("not deflate")}, 100); err == nil {
		t.Error("garbage was inflated")
	}
}

func TestAccept(t *testing.T) { // the example of RFC 6455
	if got := Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

// FuzzReader checks that any bytes are read within the limits, and that what is read can be written and read again.
func FuzzReader(f *testing.F) {
	f.Add(Append(Append(nil, Text, []byte("hello"), &key), Close, AppendClose(nil, 1000, ""), &key), true)
	f.Add([]byte{Text, 2, 'a', 'b', finBit | Ping, 0, finBit, 1, 'c'}, false)
	f.Add([]byte{finBit | Binary, 127, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1}, false)
	f.Fuzz(func(t *testing.T, wire []byte, fromClient bool) {
		const limit = 64
		r := reader(wire, fromClient, limit)
		var inflater Inflater
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			if len(m.Payload) > limit || m.Length > int64(len(wire)) {
				t.Fatalf("%d of %d bytes of %d", len(m.Payload), m.Length, len(wire))
			}
			mask := &key
			if !fromClient {
				mask = nil
			}
			again, err := reader(Append(nil, m.Kind, m.Payload, mask), fromClient, limit).Next()
			if err != nil || again.Kind != m.Kind || !bytes.Equal(again.Payload, m.Payload) {
				t.Fatalf("%+v became %+v, %v", m, again, err)
			}
			if out, err := inflater.Inflate(m, 1000); err == nil && len(out) > 1000 {
				t.Fatalf("inflated %d bytes", len(out))
			}
		}
	})
}

// FuzzInflate wants two messages to be inflated within their limit, or to be an error.
func FuzzInflate(f *testing.F) {
	var wire bytes.Buffer
	w, err := flate.NewWriter(&wire, flate.BestCompression)
	if err != nil {
		f.Fatal(err)
	}
	_, _ = w.Write(bytes.Repeat([]byte("message "), 9))
	_ = w.Flush()
	f.Add(bytes.TrimSuffix(wire.Bytes(), []byte{0, 0, 0xff, 0xff}), []byte("not deflate"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		const limit = 1 << 16
		var inflater Inflater
		for _, payload := range [][]byte{first, second} {
			out, err := inflater.Inflate(&Message{Kind: Text | Compressed, Payload: payload}, limit)
			if err != nil {
				return
			}
			if len(out) > limit {
				t.Fatalf("%d bytes", len(out))
			}
		}
	})
}
