// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"slices"
	"testing"
)

// hello is what Go's client sends first.
func hello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, config).Handshake() // ends when far is closed
		near.Close()
	}()
	buffer := make([]byte, Longest)
	n, err := far.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

var config = &tls.Config{ServerName: "api.example", NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}

// split puts a handshake message into records of n bytes.
func split(whole []byte, n int) []byte {
	var out []byte
	for part := range slices.Chunk(whole[recordHeader:], n) {
		out = append(out, whole[:3]...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return out
}

func TestRead(t *testing.T) {
	one := hello(t, config)
	for name, bytes := range map[string][]byte{"in one record": one, "in records of 3 bytes": split(one, 3), "with more behind": append(slices.Clone(one), "more"...)} {
		got, verdict := Read(bytes)
		if verdict != Yes || got.ServerName != "api.example" || !slices.Equal(got.SupportedProtos, config.NextProtos) || got.IsEncrypted() {
			t.Errorf("%s: verdict %v, %+v", name, verdict, got.ClientHelloInfo)
		}
	}
	for n := range one {
		if _, verdict := Read(one[:n]); verdict != Undecided {
			t.Fatalf("the first %d of %d bytes: verdict %v, want undecided", n, len(one), verdict)
		}
	}
}

func TestWhatIsNoHello(t *testing.T) {
	garbled := hello(t, config)
	garbled[recordHeader+handshakeHeader+2+32] = 255 // the length of the session id
	for name, bytes := range map[string][]byte{
		"HTTP":                 []byte("GET / HTTP/1.1\r\n"),
		"another record":       {23, 3, 3, 0, 1},
		"another version":      {22, 2, 0, 0, 9},
		"another message":      {22, 3, 1, 0, 9, 2},
		"a record of no bytes": {22, 3, 1, 0, 0},
		"too long":             {22, 3, 1, 0, 9, 1, 9, 0, 0},
		"garbled":              garbled,
	} {
		if _, verdict := Read(bytes); verdict != No {
			t.Errorf("%s: verdict %v, want no", name, verdict)
		}
	}
}

func TestEncryptedHello(t *testing.T) {
	got := Hello{&tls.ClientHelloInfo{Extensions: []uint16{0, encrypted}}}
	if !got.IsEncrypted() {
		t.Error("the extension was not seen")
	}
}

func FuzzRead(f *testing.F) {
	one := hello(f, config)
	f.Add(one)
	f.Add(split(one, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		hello, verdict := Read(data)
		if (verdict == Yes) != (hello.ClientHelloInfo != nil) {
			t.Errorf("verdict %v with hello %v", verdict, hello.ClientHelloInfo)
		}
		if verdict != Undecided && len(data) > 0 {
			if _, again := Read(append(slices.Clone(data), 0)); again != verdict {
				t.Errorf("verdict %v became %v with one byte more", verdict, again)
			}
		}
	})
}
