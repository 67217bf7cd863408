// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package http2 reads both directions of an HTTP/2 connection from copies of their bytes: frames are taken apart, headers are decoded,
// and each stream becomes one exchange whose heads are written as text, in the form of HTTP/1.
package http2

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// mostStreams of a connection are put together at a time; more are lost, and counted.
const mostStreams = 4096

var (
	// ErrMalformed is wrapped by the errors of bytes that are not HTTP/2.
	ErrMalformed = errors.New("malformed HTTP/2")
	// ErrHeadTooLong says that the header block of a message was longer than the limit. What follows it can be read.
	ErrHeadTooLong = errors.New("HTTP/2 head longer than the limit")
	// ErrTooManyStreams says that a stream was left out, since too many others were open.
	ErrTooManyStreams = fmt.Errorf("more than %d streams are open", mostStreams)

	errNoHead = fmt.Errorf("%w: the stream ended without a head", ErrMalformed)
)

// ResetError ends a stream before its end.
type ResetError struct {
	Code     http2.ErrCode
	ByClient bool
}

func (e *ResetError) Error() string { return resetPrefix + e.Code.String() }

const resetPrefix = "stream reset: "

// ParseReset returns the code of the text of a ResetError. One that has no name is INTERNAL_ERROR.
func ParseReset(text string) (http2.ErrCode, bool) {
	name, ok := strings.CutPrefix(text, resetPrefix)
	for code := http2.ErrCodeNo; code <= http2.ErrCodeHTTP11Required; code++ {
		if code.String() == name {
			return code, ok
		}
	}
	return http2.ErrCodeInternal, ok
}

// Splitter finds the parts of a body that came as a stream.
type Splitter interface {
	// Add is given the next bytes of the body and when they came, in Unix nanoseconds.
	Add(part []byte, at int64)
}

// Half is the request or the response of an exchange.
type Half struct {
	// Message is nil when there is no head, or none that can be read. Its Trailers are those of the stream.
	Message *http1.Message
	// Trailers has their lines as text, without an empty line.
	Trailers []byte
	// Parts is what Options.Split returned for the message.
	Parts Splitter
	// First and Last are when the first and the last byte came, in Unix nanoseconds.
	First, Last int64
	// Err says why the half has no end: a *ResetError, ErrMalformed, or what ended the connection.
	Err error

	body  *http1.Keeper
	ended bool
	endAt int64 // the half ends when so many bytes of its direction are read; 0: it ends by itself
	endBy error
}

// Exchange is one stream of a connection.
type Exchange struct {
	Stream uint32
	// Ordinal counts the requests of the connection in the order in which they began.
	Ordinal           uint64
	Request, Response Half
	// Held is for who bounds the bodies: what they have taken.
	Held atomic.Int64
}

// Options of a conversation.
type Options struct {
	// Limits returns what bounds the messages of an exchange; Head bounds each header block.
	Limits    func(*Exchange) http1.Limits
	HeadLimit int
	// Split, when it is set, may return what finds the parts of a message's body.
	Split func(*Exchange, *http1.Message) Splitter
	// Ordinal is that of the first request.
	Ordinal uint64
	// Done is called with each exchange when both its halves have ended, by one goroutine at a time.
	Done func(*Exchange)
	// Lost is called instead with each exchange that cannot be put together, and the reason. It is for Done and Lost to give back what
	// the exchange holds.
	Lost func(*Exchange, error)
}

// Conversation is what both directions of a connection carry. Requests and Responses may run at the same time.
type Conversation struct {
	options Options

	mu       sync.Mutex
	streams  map[uint32]*Exchange
	ordinal  uint64
	newest   uint32 // greatest stream that a client has opened
	last     uint32 // streams after it are not looked at by the server
	promised uint64
	sides    [2]side
}

// Sides of a conversation.
const (
	client = iota
	server
)

// side is one direction.
type side struct {
	source Source
	taken  int64 // bytes of whole frames
	ending int   // halves that end when more bytes are read
}

// NewConversation returns a conversation of a connection whose first bytes are still to be read.
func NewConversation(requests, responses Source, o Options) *Conversation {
	c := &Conversation{options: o, streams: map[uint32]*Exchange{}, ordinal: o.Ordinal, last: math.MaxUint32}
	c.sides[client].source, c.sides[server].source = requests, responses
	return c
}

// Upgraded says that the connection was one of HTTP/1, and that its last request is answered by stream 1. Held is what
// the body of the request has taken.
func (c *Conversation) Upgraded(request *http1.Message, first, last, held int64) error {
	m, err := fromHTTP1(request)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := &Exchange{Stream: 1, Ordinal: c.ordinal}
	x.Request = Half{Message: m, First: first, Last: last, ended: true}
	x.Held.Store(held)
	c.ordinal++
	c.newest = 1
	c.streams[1] = x
	return nil
}

// Requests reads what the client sends, to the end. The error says why there is no more; it is never nil.
func (c *Conversation) Requests() error {
	s := c.sides[client].source
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(s, preface); err != nil {
		return fmt.Errorf("reading the preface: %w", err)
	}
	if string(preface) != http2.ClientPreface {
		return fmt.Errorf("%w: the preface is missing", ErrMalformed)
	}
	return newDirection(s, &reader{c, client}, c.options.HeadLimit).run()
}

// Responses reads what the server sends, as Requests does for the client.
func (c *Conversation) Responses() error {
	return newDirection(c.sides[server].source, &reader{c, server}, c.options.HeadLimit).run()
}

// Finish ends the exchanges that are still open, once both directions have been read. The errors are what Requests and
// Responses returned.
func (c *Conversation) Finish(requests, responses error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.open() {
		x.Request.end(requests)
		x.Response.end(responses)
		c.settle(x)
	}
}

// Promised returns the number of responses that the server pushed; they are left out.
func (c *Conversation) Promised() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.promised
}

// end ends a half, if it has not ended yet. No error is the regular end.
func (h *Half) end(err error) {
	if h.ended {
		return
	}
	if h.endBy != nil {
		err = h.endBy
	}
	if err == nil && h.Message == nil {
		err = errNoHead
	}
	h.ended = true
	if h.Err == nil {
		h.Err = err
	}
	if h.body != nil {
		h.body.Close()
	}
}

// settle takes an exchange away whose halves have both ended. It is called with the lock, so that Done is called in turn.
func (c *Conversation) settle(x *Exchange) {
	if !x.Request.ended || !x.Response.ended {
		return
	}
	if _, open := c.streams[x.Stream]; !open {
		return
	}
	delete(c.streams, x.Stream)
	if x.Request.Message != nil {
		c.options.Done(x)
		return
	}
	c.options.Lost(x, x.Request.Err)
}
