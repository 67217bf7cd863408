// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"syscall"
)

// plainSide is a TCP connection whose bytes are passed on as they are.
type plainSide struct{ *net.TCPConn }

func (s plainSide) reset() { Reset(s.TCPConn) }

func (s plainSide) source() (source, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &plainSource{conn: raw}
	p.try = p.tryRead
	return p, nil
}

// plainSource reads a connection and takes a buffer only when there is something to read.
type plainSource struct {
	conn   syscall.RawConn
	try    func(fd uintptr) bool
	buffer *[bufferSize]byte
	n      int
	err    error
}

func (s *plainSource) read() ([]byte, error) {
	if err := s.conn.Read(s.try); err != nil {
		return nil, err
	}
	if s.n <= 0 {
		return nil, s.err
	}
	return s.buffer[:s.n], s.err
}

func (s *plainSource) release() {
	buffers.Put(s.buffer)
	s.buffer = nil
}

// tryRead returns false to be called again when the connection is readable.
func (s *plainSource) tryRead(fd uintptr) bool {
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
	s.release()
	return s.err != syscall.EAGAIN
}
