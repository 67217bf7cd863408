// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framesOf reads frames as text, with the fields of header blocks.
func framesOf(t *testing.T, b []byte) string {
	t.Helper()
	framer := http2.NewFramer(nil, bytes.NewReader(b))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var text bytes.Buffer
	for {
		f, err := framer.ReadFrame()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(f.Header().Type.String())
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				text.WriteString(" " + field.Name + "=" + field.Value)
			}
		case *http2.DataFrame:
			text.WriteString(" " + string(f.Data()))
		case *http2.RSTStreamFrame:
			text.WriteString(" " + f.ErrCode.String())
		}
		text.WriteString("\n")
	}
}

// sentBy is what a client sends: requests whose second refers to the table of the first, one in two frames, and one with trailers.
func sentBy() []byte {
	var out, block bytes.Buffer
	framer, encoder := http2.NewFramer(&out, nil), hpack.NewEncoder(&block)
	encode := func(pairs ...string) []byte {
		block.Reset()
		for i := 0; i < len(pairs); i += 2 {
			_ = encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
		}
		return bytes.Clone(block.Bytes())
	}
	request := []string{":method", "GET", ":scheme", "http", ":path", "/", "x-id", "same"}
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(request...), EndHeaders: true})
	_ = framer.WriteData(1, false, []byte("body"))
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode("sum", "1"), EndHeaders: true, EndStream: true})
	second := encode(request...)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: second[:2]})
	_ = framer.WriteContinuation(3, true, second[2:])
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: encode(request...), EndHeaders: true, PadLength: 3})
	return append([]byte(http2.ClientPreface), out.Bytes()...)
}

func TestTagger(t *testing.T) {
	const fields = " :method=GET :scheme=http :path=/ x-id=same"
	const want = "SETTINGS\nHEADERS" + fields + " restage-responder-stream=1\nDATA body\nHEADERS sum=1\n" +
		"HEADERS" + fields + " restage-responder-stream=3\nHEADERS" + fields + "\n"
	for name, from := range map[string]io.Reader{"at once": bytes.NewReader(sentBy()), "byte by byte": iotest.OneByteReader(bytes.NewReader(sentBy()))} {
		got, err := io.ReadAll(&tagger{from: from})
		if err != nil {
			t.Fatal(err)
		}
		rest, ok := bytes.CutPrefix(got, []byte(http2.ClientPreface))
		if text := framesOf(t, rest); !ok || text != want {
			t.Errorf("%s: %s, want %s", name, text, want)
		}
	}
}

func TestPatcher(t *testing.T) {
	var out bytes.Buffer
	framer := http2.NewFramer(&out, nil)
	_ = framer.WriteRSTStream(1, http2.ErrCodeInternal)
	_ = framer.WriteData(3, false, []byte("left alone"))
	_ = framer.WriteSettingsAck()
	_ = framer.WriteRSTStream(3, http2.ErrCodeInternal)
	_ = framer.WriteRSTStream(5, http2.ErrCodeInternal)
	frames := out.Bytes()
	for _, size := range []int{1, 4, 11, len(frames)} {
		r := &resets{codes: map[uint32]http2.ErrCode{}}
		r.code(1, http2.ErrCodeCancel)
		r.code(5, http2.ErrCodeRefusedStream)
		var patched bytes.Buffer
		w := &patcher{to: &patched, resets: r}
		before := bytes.Clone(frames)
		for at := 0; at < len(frames); at += size {
			part := frames[at:min(at+size, len(frames))]
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		const want = "RST_STREAM CANCEL\nDATA left alone\nSETTINGS\nRST_STREAM INTERNAL_ERROR\nRST_STREAM REFUSED_STREAM\n"
		if got := framesOf(t, patched.Bytes()); got != want || !bytes.Equal(before, frames) {
			t.Errorf("in parts of %d: %s", size, got)
		}
	}
}

// FuzzTagger wants nothing to be lost of what a client sends, whatever it is, and nothing but the field to be added.
func FuzzTagger(f *testing.F) {
	f.Add(sentBy())
	f.Add(sentBy()[:90])
	f.Fuzz(func(t *testing.T, sent []byte) {
		got, err := io.ReadAll(&tagger{from: bytes.NewReader(sent)})
		one, _ := io.ReadAll(&tagger{from: iotest.OneByteReader(bytes.NewReader(sent))})
		if !bytes.Equal(got, one) {
			t.Fatal("it matters how the bytes are split")
		}
		preface := min(len(http2.ClientPreface), len(sent))
		if !bytes.HasPrefix(got, sent[:preface]) {
			t.Fatalf("the preface %q became %q", sent[:preface], got)
		}
		sent, got = sent[preface:], got[preface:]
		for len(sent) > 0 {
			if isCut(sent) { // such a frame is left out, with an error, when it would have been changed
				if len(got) > 0 && !bytes.Equal(got, sent) || len(got) == 0 && err == nil {
					t.Fatalf("%q became %q, error %v", sent, got, err)
				}
				return
			}
			sent, got = takeFrame(t, sent, got)
		}
		if len(got) > 0 || err != nil {
			t.Fatalf("%q follows, error %v", got, err)
		}
	})
}

func frameLength(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// isCut tells of a frame that is not all there.
func isCut(b []byte) bool { return len(b) < frameHeader || len(b) < frameHeader+frameLength(b) }

// takeFrame takes a frame away that was sent, and what it became: the same, or the same with the field.
func takeFrame(t *testing.T, sent, got []byte) (restSent, restGot []byte) {
	t.Helper()
	if isCut(got) {
		t.Fatalf("%q became %q", sent, got)
	}
	was, is := frameHeader+frameLength(sent), frameHeader+frameLength(got)
	if is < was || !bytes.Equal(got[3:was], sent[3:was]) {
		t.Fatalf("%q became %q", sent[:was], got[:is])
	}
	if added := got[was:is]; len(added) > 0 {
		stream := strconv.Itoa(int(binary.BigEndian.Uint32(sent[5:]) & (1<<31 - 1)))
		if want := "\x10" + string(rune(len(streamField))) + streamField + string(rune(len(stream))) + stream; string(added) != want {
			t.Fatalf("%q is added, want %q", added, want)
		}
	}
	return sent[was:], got[is:]
}
