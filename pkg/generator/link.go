// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

const (
	maxHead = 1 << 20
	// A response body is kept up to twice the recorded length and bodySlack; a longer one differs for certain.
	bodySlack = 1 << 20
	// inlineWrite is the size up to which a request surely does not wait for the target to read: it is written before the
	// response is read. A longer one is written at the same time.
	inlineWrite = 64 << 10
	// writeGrace is what is left for the rest of a request when its whole response is there.
	writeGrace = 50 * time.Millisecond
)

// link is one connection to the target, opened again when it was closed.
type link struct {
	conn   net.Conn
	tcp    *net.TCPConn // below
	reader *bufio.Reader
	buffer []byte
	// upgraded is the response that opened a WebSocket, whose messages come next; nil without one.
	upgraded *http1.Message
	// release ends the watch over the context.
	release func() bool
}

// open makes sure that there is a connection, and that what happens on it ends at the deadline or with the context.
func (l *link) open(ctx context.Context, q *request, deadline time.Time) error {
	if l.conn != nil && !idle(l.tcp) {
		l.close()
	}
	if l.conn == nil {
		conn, tcp, err := dialTarget(ctx, q, deadline)
		if err != nil {
			return err
		}
		l.conn, l.tcp = conn, tcp
		l.release = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		if l.reader == nil {
			l.reader = bufio.NewReader(conn)
		} else {
			l.reader.Reset(conn)
		}
	}
	if err := l.conn.SetDeadline(deadline); err != nil {
		l.close()
		return err
	}
	return ctx.Err() // which may have ended before the deadline was set
}

func (l *link) close() {
	if l.conn == nil {
		return
	}
	l.release()
	_ = l.conn.Close() // nothing is left to lose
	l.conn, l.upgraded = nil, nil
}

// idle tells whether the target has neither closed the connection nor sent what nobody asked for.
func idle(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		open = errors.Is(err, unix.EAGAIN)
		return true
	})
	return err == nil && open
}

// exchange writes the request and reads the response. The connection stays open when both sides keep it.
func (l *link) exchange(q *request) (*http1.Message, error) {
	l.buffer = http1.AppendMessage(l.buffer[:0], q.record.GetRequest().GetHead(), q.record.GetRequest().GetBody())
	written := make(chan error, 1)
	if len(l.buffer) <= inlineWrite {
		written <- l.write(l.conn)
	} else {
		go func(conn net.Conn) { written <- l.write(conn) }(l.conn)
	}
	// A target may answer, and close, before it has read everything: the answer counts.
	limits := http1.Limits{Head: maxHead, Body: 2*q.record.GetResponse().GetBodyLength() + bodySlack}
	enough := l.stopAfterEvents(q, &limits)
	response, err := http1.ReadResponse(l.reader, q.method, limits)
	if enough() && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
		response.Close = true
	}
	if err == nil {
		err = l.conn.SetWriteDeadline(time.Now().Add(writeGrace))
	} else {
		l.close() // which ends the write
	}
	writeErr := <-written
	switch {
	case err == nil && writeErr == nil && response.Upgrade && q.opens:
		l.upgraded = response
	case writeErr != nil || err == nil && (response.Close || response.Upgrade || l.reader.Buffered() > 0):
		l.close()
	}
	return response, err
}

// stopAfterEvents ends the reading of a stream of events that the recorded client left, once as many have come as then. The
// function tells whether that happened.
func (l *link) stopAfterEvents(q *request, limits *http1.Limits) (enough func() bool) {
	events := newEventCounter(q.record)
	if events.wanted == 0 {
		return events.enough
	}
	conn, seen := l.conn, 0
	limits.Kept = func(body []byte) {
		events.add(body[seen:])
		seen = len(body)
		if events.enough() {
			_ = conn.SetReadDeadline(time.Unix(1, 0)) // fails only when the connection is gone
		}
	}
	return events.enough
}

func (l *link) write(conn net.Conn) error {
	_, err := conn.Write(l.buffer)
	return err
}

// failureOf names an error in the words of a record's failure.
func failureOf(err error) string {
	var reset http2.StreamError
	switch {
	case errors.As(err, &reset):
		return "stream reset: " + reset.Code.String()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connect: connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case errors.Is(err, http1.ErrMalformed), errors.Is(err, http1.ErrHeadTooLong):
		return err.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Sprintf("connect: %v", op.Err)
	}
	return err.Error()
}
