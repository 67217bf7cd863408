// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package intercept

import (
	"net"
	"syscall"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/clienthello"
)

// glance is what is looked at first: enough to tell most other protocols from TLS.
const glance = 6

// Peek waits until the client has said what protocol it speaks, and takes nothing off the connection: the bytes wait in the
// kernel for whoever serves it. It returns nil when the client does not begin with a whole ClientHello, or when the server
// speaks first.
func Peek(client, server *net.TCPConn) *clienthello.Hello {
	p := &peeker{buffer: make([]byte, glance)}
	raw, err := client.SyscallConn()
	if err != nil {
		return nil
	}
	spoke := make(chan struct{})
	go func() {
		defer close(spoke)
		if waitReadable(server) {
			_ = client.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection, and so does reading
		}
	}()
	_ = raw.Read(p.try) // the relay meets the same error
	_ = server.SetReadDeadline(time.Unix(1, 0))
	<-spoke
	_ = client.SetReadDeadline(time.Time{})
	_ = server.SetReadDeadline(time.Time{})
	if p.verdict != clienthello.Yes {
		return nil
	}
	return &p.hello
}

// peeker looks at the first bytes of a connection as they come.
type peeker struct {
	buffer  []byte
	hello   clienthello.Hello
	verdict clienthello.Verdict
}

// try returns false to be called again when more has come.
func (p *peeker) try(fd uintptr) bool {
	for {
		n, _, err := syscall.Recvfrom(int(fd), p.buffer, syscall.MSG_PEEK)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil || n == 0:
			return true
		}
		p.hello, p.verdict = clienthello.Read(p.buffer[:n])
		if p.verdict != clienthello.Undecided {
			return true
		}
		if n < len(p.buffer) {
			return false
		}
		if n >= 2*clienthello.Longest {
			return true
		}
		p.buffer = make([]byte, min(max(4<<10, 2*n), 2*clienthello.Longest))
	}
}

// waitReadable waits until a connection has bytes or its end, and tells whether it does.
func waitReadable(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var one [1]byte
	return raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN && err != syscall.EINTR
	}) == nil
}
