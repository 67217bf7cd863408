// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
)

const (
	// maxEmptyLines before a request are passed over, as RFC 9112, section 2.2 asks of servers.
	maxEmptyLines = 4
	// maxInterim responses (1xx) may come before the final one.
	maxInterim = 64
)

// ReadRequest reads one request. The error is io.EOF exactly when the stream ended before the first byte of a
// request. When it fails after the head, the message is returned with the part of the body that was read.
func ReadRequest(r *bufio.Reader, l Limits) (*Message, error) {
	m, err := ReadRequestHead(r, l)
	if err != nil {
		return nil, err
	}
	return m, m.ReadBody(r, l)
}

// ReadRequestHead reads a request up to its body, which ReadBody reads.
func ReadRequestHead(r *bufio.Reader, l Limits) (*Message, error) {
	if err := skipEmptyLines(r); err != nil {
		return nil, err
	}
	head, err := readHead(r, l.Head)
	if err != nil {
		return nil, err
	}
	m := &Message{Head: head}
	if err := m.parseRequest(); err != nil {
		return nil, err
	}
	if err := m.onWire(); err != nil {
		return nil, err
	}
	return m, nil
}

// ReadResponse reads the final response to a request of the given method. Interim responses (1xx other than 101)
// are read and left out. The error is io.EOF exactly when the stream ended before a first byte. When it fails
// after the head, the message is returned with the part of the body that was read. A body without a length reaches
// to the end of the stream.
func ReadResponse(r *bufio.Reader, method string, l Limits) (*Message, error) {
	m, err := ReadResponseHead(r, method, l)
	if err != nil {
		return nil, err
	}
	return m, m.ReadBody(r, l)
}

// ReadResponseHead reads a final response up to its body, which ReadBody reads.
func ReadResponseHead(r *bufio.Reader, method string, l Limits) (*Message, error) {
	for range maxInterim {
		head, err := readHead(r, l.Head)
		if err != nil {
			return nil, err
		}
		m := &Message{Head: head}
		if err := cmp.Or(m.parseResponse(method), m.onWire()); err != nil {
			return nil, err
		}
		if m.Status >= 200 || m.Status == 101 {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%w: more than %d interim responses", ErrMalformed, maxInterim)
}

// onWire refuses what only records have.
func (m *Message) onWire() error {
	if m.Proto == protoHTTP2 {
		return fmt.Errorf("%w: protocol %q on a connection of HTTP/1", ErrMalformed, m.Proto)
	}
	return nil
}

func skipEmptyLines(r *bufio.Reader) error {
	for range maxEmptyLines {
		b, err := r.Peek(1)
		if err != nil {
			return err
		}
		length := 1
		if b[0] == '\r' {
			if b, err = r.Peek(2); err != nil {
				return noMore(err)
			}
			length = 2
		}
		if b[length-1] != '\n' {
			return nil
		}
		if _, err := r.Discard(length); err != nil {
			return fmt.Errorf("reading an empty line: %w", err)
		}
	}
	return nil
}

// readHead returns the bytes up to and with the first empty line.
func readHead(r *bufio.Reader, limit int) ([]byte, error) {
	var head []byte
	lineStart := 0
	for {
		part, err := r.ReadSlice('\n')
		if len(head)+len(part) > limit {
			return nil, fmt.Errorf("%w of %d bytes", ErrHeadTooLong, limit)
		}
		if head == nil {
			head = make([]byte, 0, headCapacity(r, part))
		}
		head = append(head, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && len(head) == 0:
			return nil, err
		case err != nil:
			return nil, noMore(err)
		}
		if line := head[lineStart:]; len(line) == 1 || len(line) == 2 && line[0] == '\r' {
			if lineStart == 0 {
				return nil, fmt.Errorf("%w: the first line is empty", ErrMalformed)
			}
			return head, nil
		}
		lineStart = len(head)
	}
}

// headCapacity guesses the size of the head, which mostly lies in the buffer whole.
func headCapacity(r *bufio.Reader, first []byte) int {
	rest, _ := r.Peek(r.Buffered()) // cannot fail: only what is buffered
	for i := 0; i+1 < len(rest); i++ {
		if rest[i] == '\n' && (rest[i+1] == '\n' || rest[i+1] == '\r') {
			return len(first) + i + 3
		}
	}
	return len(first) + len(rest)
}

// noMore tells the end of the stream inside a message from the end between messages.
func noMore(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
