// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"strconv"
	"strings"
)

type framingKind int

const (
	noBody framingKind = iota
	sized
	chunked
	toEOF
)

// framing says where the body of a message ends.
type framing struct {
	kind framingKind
	size int64 // when sized
}

// lengthHeaders are what the headers say about the body.
type lengthHeaders struct {
	chunked bool
	sized   bool
	size    int64
}

func (m *Message) requestFraming() (framing, error) {
	h, err := m.lengthHeaders()
	switch {
	case err != nil:
		return framing{}, err
	case h.chunked:
		return framing{kind: chunked}, nil
	case h.sized:
		return framing{kind: sized, size: h.size}, nil
	}
	return framing{kind: noBody}, nil
}

func (m *Message) responseFraming(method string) (framing, error) {
	h, err := m.lengthHeaders()
	switch {
	case err != nil:
		return framing{}, err
	case m.bodiless() || m.Upgrade || method == "HEAD":
		return framing{kind: noBody}, nil
	case h.chunked:
		return framing{kind: chunked}, nil
	case h.sized:
		return framing{kind: sized, size: h.size}, nil
	}
	return framing{kind: toEOF}, nil
}

// bodiless tells whether the status of a response forbids a body, whatever the headers say.
func (m *Message) bodiless() bool {
	return m.Status/100 == 1 || m.Status == 204 || m.Status == 304
}

// lengthHeaders refuses what two readers may understand differently: Content-Length beside Transfer-Encoding,
// lengths that differ, and any transfer coding but a single "chunked".
func (m *Message) lengthHeaders() (lengthHeaders, error) {
	var h lengthHeaders
	for i := range m.Headers {
		switch name, value := m.Headers[i].Name, m.Headers[i].Value; {
		case strings.EqualFold(name, "Transfer-Encoding"):
			if h.chunked || !strings.EqualFold(value, "chunked") {
				return h, fmt.Errorf("%w: Transfer-Encoding %q is not a single \"chunked\"", ErrMalformed, shorten(value))
			}
			h.chunked = true
		case strings.EqualFold(name, "Content-Length"):
			size, err := parseLength(value)
			if err != nil {
				return h, err
			}
			if h.sized && h.size != size {
				return h, fmt.Errorf("%w: Content-Length is both %d and %d", ErrMalformed, h.size, size)
			}
			h.sized, h.size = true, size
		}
	}
	if h.chunked && h.sized {
		return h, fmt.Errorf("%w: both Content-Length and Transfer-Encoding", ErrMalformed)
	}
	if h.chunked && m.Proto == "HTTP/1.0" {
		return h, fmt.Errorf("%w: Transfer-Encoding in HTTP/1.0", ErrMalformed)
	}
	return h, nil
}

// parseLength allows digits alone: neither sign nor white space, nor more than fits.
func parseLength(value string) (int64, error) {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return 0, fmt.Errorf("%w: Content-Length %q is not a number", ErrMalformed, shorten(value))
		}
	}
	size, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: Content-Length %q is not a number up to 2^63-1", ErrMalformed, shorten(value))
	}
	return size, nil
}
