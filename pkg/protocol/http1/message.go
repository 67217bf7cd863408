// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package http1 reads HTTP/1.0 and HTTP/1.1 messages as they are on the wire and writes them again with the same
// bytes. It keeps the raw head (order, case and spacing of the headers), takes the transfer coding off the body and
// refuses whatever two readers could understand differently (RFC 9112, sections 5, 6 and 7).
package http1

import (
	"errors"
	"strings"
)

// Errors of the readers. All errors of a malformed message wrap ErrMalformed; the end of the stream inside a
// message is io.ErrUnexpectedEOF, and before its first byte io.EOF.
var (
	ErrMalformed   = errors.New("malformed HTTP/1 message")
	ErrHeadTooLong = errors.New("HTTP/1 head longer than the limit")
)

// Header is one field line as on the wire, in order; the value has no surrounding white space.
type Header struct{ Name, Value string }

// Limits bounds what is kept of one message.
type Limits struct {
	// Head is the number of bytes that a head (and the trailers) may have; a longer one is an error.
	Head int
	// Body is the number of bytes of the body that are kept. More is read, counted and hashed, and Truncated is set.
	Body int64
	// Reserve, when set, is asked before the buffer of a body grows by n bytes beyond the first few KiB. When it
	// says no, the rest of the body is not kept and Truncated is set.
	Reserve func(n int64) bool
	// Unhashed leaves BodySHA256 of a body that is kept whole to whoever reads the message. It is for one that may change the body first.
	Unhashed bool
	// Kept, when set, is called after each part of the body that was read, with as much of the body as is kept now.
	Kept func(body []byte)
}

// Message is one request or one final response.
type Message struct {
	// Head has the raw bytes of the first line and the headers, with the empty line.
	Head []byte
	// Proto is "HTTP/1.0" or "HTTP/1.1", or "HTTP/2" in the head of a record.
	Proto   string
	Headers []Header
	// Method and Target are those of a request, "" in a response.
	Method, Target string
	// Status is that of a response, 0 in a request.
	Status int
	// Body is the body with the transfer coding removed, as far as it is kept.
	Body []byte
	// BodyLength counts all bytes of the body, kept or not.
	BodyLength int64
	// BodySHA256 is the hash of the whole body, nil when it is empty; see Limits.Unhashed.
	BodySHA256 []byte
	// Truncated says that Body is shorter than BodyLength.
	Truncated bool
	// Trailers are the fields after a chunked body.
	Trailers []Header
	// Close says that the connection ends after this message.
	Close bool
	// Upgrade says that the bytes after this response are not HTTP/1: status 101, or a 2xx answer to CONNECT.
	Upgrade bool
	// Expect100 says that the client may wait for "100 Continue" before it sends the body.
	Expect100 bool

	framing framing
}

// Get returns the value of the first header called name, in any case, or "".
func (m *Message) Get(name string) string {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// HasToken tells whether a header called name lists token, compared without case.
func (m *Message) HasToken(name, token string) bool {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) && listHas(m.Headers[i].Value, token) {
			return true
		}
	}
	return false
}

func listHas(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
