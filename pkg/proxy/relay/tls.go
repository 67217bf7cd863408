// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// waitingSize is the buffer that a TLS connection holds while it waits: what comes first is only known once it is decrypted.
const waitingSize = 2 << 10

// tlsSide is a TLS connection over TCP.
type tlsSide struct{ *tls.Conn }

func (s tlsSide) tcp() *net.TCPConn { return s.NetConn().(*net.TCPConn) }

func (s tlsSide) reset() { Reset(s.tcp()) }

// CloseWrite ends the stream of TLS, and that of TCP as well: a peer may look at either.
func (s tlsSide) CloseWrite() error {
	return errors.Join(s.Conn.CloseWrite(), s.tcp().CloseWrite())
}

// Close closes the TCP connection: both ends of the stream have been passed on by then.
func (s tlsSide) Close() error { return s.tcp().Close() }

func (s tlsSide) source() (source, error) { return &tlsSource{conn: s.Conn}, nil }

// tlsSource reads with a small buffer, and once that was full with a large one, since more is there then.
type tlsSource struct {
	conn    *tls.Conn
	waiting [waitingSize]byte
	large   *[bufferSize]byte
	more    bool
}

func (s *tlsSource) read() ([]byte, error) {
	buffer := s.waiting[:]
	if s.more {
		s.large = buffers.Get().(*[bufferSize]byte)
		buffer = s.large[:]
	}
	n, err := s.conn.Read(buffer)
	s.more = n == len(buffer)
	switch {
	case n > 0: // an error comes again with the next read
		return buffer[:n], nil
	case errors.Is(err, io.EOF):
		err = nil
	}
	s.release()
	return nil, err
}

func (s *tlsSource) release() {
	if s.large != nil {
		buffers.Put(s.large)
		s.large = nil
	}
}
