// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package relay passes the bytes of one TCP connection on to another, both ways, as they are.
package relay

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
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
	r := &pair{}
	var back sync.WaitGroup
	back.Go(func() { r.pass(server, client, responses, &traffic.ToClient) })
	r.pass(client, server, requests, &traffic.ToServer)
	back.Wait()
	if r.broken.Load() {
		Reset(client)
		Reset(server)
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

// pair is the state that the two directions share.
type pair struct {
	broken atomic.Bool // a side was reset, so the other must be too
}

// pass copies one direction to its end.
func (p *pair) pass(from, to *net.TCPConn, tap *tee.Stream, passed *atomic.Uint64) {
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
		Reset(to)
	}
}

func end(tap *tee.Stream, err error, at int64) {
	if tap != nil {
		tap.End(err, at)
	}
}

var errWrite = errors.New("writing failed")

// copy returns nil at the end of the stream, errWrite when the receiver does not take more, else the error of reading.
func (p *pair) copy(from, to *net.TCPConn, tap *tee.Stream, passed *atomic.Uint64) error {
	source, err := newSource(from)
	if err != nil {
		return err
	}
	for {
		buffer, n, err := source.read()
		if err != nil || n == 0 {
			return err
		}
		if tap != nil {
			tap.Write(buffer[:n], time.Now().UnixNano())
		}
		_, err = to.Write(buffer[:n])
		buffers.Put(buffer)
		if err != nil {
			return errWrite
		}
		passed.Add(uint64(n))
	}
}

// source reads a connection and takes a buffer only when there is something to read.
type source struct {
	conn   syscall.RawConn
	try    func(fd uintptr) bool
	buffer *[bufferSize]byte
	n      int
	err    error
}

func newSource(c *net.TCPConn) (*source, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &source{conn: raw}
	s.try = s.tryRead
	return s, nil
}

// read waits for bytes; n is 0 at the end of the stream. The caller puts the buffer back when n > 0.
func (s *source) read() (buffer *[bufferSize]byte, n int, err error) {
	if err := s.conn.Read(s.try); err != nil {
		return nil, 0, err
	}
	return s.buffer, s.n, s.err
}

// tryRead returns false to be called again when the connection is readable.
func (s *source) tryRead(fd uintptr) bool {
	s.buffer = buffers.Get().(*[bufferSize]byte)
	for {
		s.n, s.err = syscall.Read(int(fd), s.buffer[:])
		if s.err != syscall.EINTR {
			break
		}
	}
	if s.n > 0 {
		return true
	}
	buffers.Put(s.buffer)
	s.buffer = nil
	return s.err != syscall.EAGAIN
}
