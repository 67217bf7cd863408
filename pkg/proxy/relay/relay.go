// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package relay passes the bytes of one connection on to another, both ways, as they are.
package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/tee"
)

// bufferSize is what one read may take. Buffers are held only while there is something to read.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Traffic counts the bytes that were passed on, in connections that share it.
type Traffic struct {
	ToServer, ToClient atomic.Uint64
}

// Run relays between two connections until both directions ended, and closes both. What the client sends is also written to
// requests, and what the server sends to responses; both may be nil. A half-close and a reset are passed on as such.
func Run(client, server *net.TCPConn, requests, responses *tee.Stream, traffic *Traffic) {
	run(plainSide{client}, plainSide{server}, requests, responses, traffic)
}

// RunTLS relays what two TLS connections over TCP carry, as Run does with TCP connections. Both handshakes are done.
func RunTLS(client, server *tls.Conn, requests, responses *tee.Stream, traffic *Traffic) {
	run(tlsSide{client}, tlsSide{server}, requests, responses, traffic)
}

func run(client, server side, requests, responses *tee.Stream, traffic *Traffic) {
	r := &pair{}
	var back sync.WaitGroup
	back.Go(func() { r.pass(server, client, responses, &traffic.ToClient) })
	r.pass(client, server, requests, &traffic.ToServer)
	back.Wait()
	if r.broken.Load() {
		client.reset()
		server.reset()
		return
	}
	client.Close()
	server.Close()
}

// Reset closes a connection so that its peer sees a reset.
func Reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails only on a connection that is closed already
	c.Close()
}

// side is one of the two connections of a relay.
type side interface {
	io.WriteCloser
	// CloseWrite says that nothing more will be written.
	CloseWrite() error
	reset()
	source() (source, error)
}

// source is what comes from a side.
type source interface {
	// read waits for bytes. They are valid until release, which follows each read that returned some. There are none at the end.
	read() ([]byte, error)
	release()
}

// pair is the state that the two directions share.
type pair struct {
	broken atomic.Bool // a side was reset, so the other must be too
}

// pass copies one direction to its end.
func (p *pair) pass(from, to side, tap *tee.Stream, passed *atomic.Uint64) {
	err := p.copy(from, to, tap, passed)
	now := time.Now().UnixNano()
	switch {
	case err == nil:
		end(tap, io.EOF, now)
		// A failure means that the receiver is gone, which its own direction sees.
		_ = to.CloseWrite()
	case errors.Is(err, errWrite):
		// The receiver is gone. What it sent before may still be passed on; then the sender is told by a reset.
		p.broken.Store(true)
		end(tap, tee.ErrAborted, now)
	case errors.Is(err, net.ErrClosed):
		end(tap, tee.ErrAborted, now)
	default:
		p.broken.Store(true)
		end(tap, tee.ErrReset, now)
		to.reset()
	}
}

func end(tap *tee.Stream, err error, at int64) {
	if tap != nil {
		tap.End(err, at)
	}
}

var errWrite = errors.New("writing failed")

// copy returns nil at the end of the stream, errWrite when the receiver does not take more, else the error of reading.
func (p *pair) copy(from, to side, tap *tee.Stream, passed *atomic.Uint64) error {
	source, err := from.source()
	if err != nil {
		return err
	}
	for {
		bytes, err := source.read()
		if err != nil || len(bytes) == 0 {
			return err
		}
		if tap != nil {
			tap.Write(bytes, time.Now().UnixNano())
		}
		n, err := to.Write(bytes)
		source.release()
		if err != nil {
			return errWrite
		}
		passed.Add(uint64(n))
	}
}
