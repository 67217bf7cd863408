// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	near = conn.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// relayed returns a client and a server with a relay between them, its streams, and what is closed at its end.
func relayed(t testing.TB) (client, server *net.TCPConn, requests, responses *tee.Stream, done chan struct{}) {
	client, in := tcpPair(t)
	out, server := tcpPair(t)
	budget := tee.NewBudget(64 << 20)
	requests, responses = tee.NewStream(budget, 32<<20, nil), tee.NewStream(budget, 32<<20, nil)
	done = make(chan struct{})
	go func() {
		defer close(done)
		Run(in, out, requests, responses, &Traffic{})
	}()
	return client, server, requests, responses, done
}

func TestBytesBothWays(t *testing.T) {
	client, server, requests, responses, done := relayed(t)
	up, down := make([]byte, 3<<20), make([]byte, 5<<20)
	_, _ = rand.Read(up)
	_, _ = rand.Read(down)
	var wg sync.WaitGroup
	exchange := func(conn *net.TCPConn, send, want []byte) {
		wg.Go(func() {
			_, err := conn.Write(send)
			if err == nil {
				err = conn.CloseWrite()
			}
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, error %v", len(got), err)
			}
		})
	}
	exchange(client, up, down)
	exchange(server, down, up)
	for _, c := range []struct {
		stream *tee.Stream
		want   []byte
	}{{requests, up}, {responses, down}} {
		if got, err := io.ReadAll(tee.NewReader(c.stream)); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("the copy has %d bytes, error %v", len(got), err)
		}
	}
	wg.Wait()
	<-done
}

func TestHalfClose(t *testing.T) {
	client, server, _, _, done := relayed(t)
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the server saw %v, want EOF", err)
	}
	if _, err := server.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "late" {
		t.Errorf("the client got %q, %v", got, err)
	}
	<-done
}

func TestReset(t *testing.T) {
	for _, fromServer := range []bool{false, true} {
		client, server, requests, responses, done := relayed(t)
		from, to, stream := client, server, requests
		if fromServer {
			from, to, stream = server, client, responses
		}
		if _, err := from.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		Reset(from)
		if _, err := to.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("from server %v: the other side saw %v, want a reset", fromServer, err)
		}
		if _, err := io.ReadAll(tee.NewReader(stream)); !errors.Is(err, tee.ErrReset) {
			t.Errorf("from server %v: the stream ended with %v", fromServer, err)
		}
		<-done
	}
}

// TestServerThatStopsReading answers early and closes with bytes unread: the client must get the answer or a reset, as without a relay.
func TestServerThatStopsReading(t *testing.T) {
	client, server, _, _, done := relayed(t)
	server.Close()
	chunk := make([]byte, 64<<10)
	var err error
	for err == nil {
		_, err = client.Write(chunk)
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing ended with %v", err)
	}
	<-done
}
