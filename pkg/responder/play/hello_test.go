// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func frame(t testing.TB, hello *trafficpb.TunnelHello) []byte {
	t.Helper()
	data, err := proto.Marshal(hello)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
}

func TestReadHelloLeavesWhatFollows(t *testing.T) {
	want := &trafficpb.TunnelHello{Token: "t", Pod: "p", Host: "back", Address: "198.18.0.1", Port: 80}
	r := bytes.NewReader(append(frame(t, want), "GET / HTTP/1.1"...))
	got, err := readHello(r)
	if err != nil || !proto.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "GET / HTTP/1.1" {
		t.Errorf("rest %q", rest)
	}
}

// FuzzHello checks that what is taken for a hello is within its bounds, and is read again as the same.
func FuzzHello(f *testing.F) {
	f.Add(frame(f, &trafficpb.TunnelHello{Token: "t", Host: "back", Port: 80}))
	f.Add([]byte{0xff, 0xff})
	f.Add([]byte{0, 2, 8, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		hello, err := readHello(r)
		if err != nil {
			return
		}
		if read := len(data) - r.Len(); read > 2+longestHello || read != 2+int(binary.BigEndian.Uint16(data)) {
			t.Fatalf("read %d bytes", read)
		}
		if hello.GetPort() == 0 || hello.GetPort() > 65535 || hello.GetHost()+hello.GetAddress() == "" {
			t.Fatalf("taken: %v", hello)
		}
		again, err := readHello(bytes.NewReader(frame(t, hello)))
		if err != nil || !proto.Equal(again, hello) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}
