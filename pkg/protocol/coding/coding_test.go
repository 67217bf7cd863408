// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package coding

import (
	"bytes"
	"compress/flate"
	"errors"
	"strings"
	"testing"
)

var headers = []string{"gzip", "X-GZIP", "deflate", "br", "zstd", "gzip, br", "identity", ""}

func TestRoundTrip(t *testing.T) {
	body := []byte(strings.Repeat(`{"name":"value"},`, 1000))
	for _, header := range headers {
		encoded, err := Encode(header, body)
		if err != nil {
			t.Fatalf("%q: %v", header, err)
		}
		if len(List(header)) > 0 && len(encoded) >= len(body) {
			t.Errorf("%q: %d bytes of %d", header, len(encoded), len(body))
		}
		decoded, err := Decode(header, encoded, int64(len(body)))
		if err != nil || !bytes.Equal(decoded, body) {
			t.Errorf("%q: %d bytes, error %v", header, len(decoded), err)
		}
		if len(List(header)) == 0 {
			continue
		}
		if _, err := Decode(header, encoded, int64(len(body)-1)); !errors.Is(err, ErrTooLong) {
			t.Errorf("%q: error %v, want too long", header, err)
		}
		if part, err := Decode(header, encoded[:len(encoded)/2], 1<<20); err == nil || !bytes.HasPrefix(body, part) {
			t.Errorf("%q: half of it decodes to %d bytes, error %v", header, len(part), err)
		}
	}
}

func TestDecodeBareDeflate(t *testing.T) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := Decode("deflate", out.Bytes(), 100); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestUnknown(t *testing.T) {
	for _, header := range []string{"compress", "gzip, aes128gcm", "br,br,br,br"} {
		if _, err := Decode(header, []byte("x"), 100); err == nil {
			t.Errorf("%q: no error", header)
		}
	}
	if _, err := Encode("compress", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for i, header := range headers {
		encoded, err := Encode(header, []byte("some text, some text"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), encoded)
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, header uint8, body []byte) {
		out, err := Decode(headers[int(header)%len(headers)], body, limit)
		if len(out) > limit && len(List(headers[int(header)%len(headers)])) > 0 {
			t.Errorf("%d bytes, error %v", len(out), err)
		}
	})
}
