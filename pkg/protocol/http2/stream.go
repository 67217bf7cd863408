// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"cmp"
	"maps"
	"slices"

	"golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// reader puts together what the frames of one side say.
type reader struct {
	*Conversation
	side int
}

func (r *reader) half(x *Exchange) *Half {
	if r.side == client {
		return &x.Request
	}
	return &x.Response
}

// find returns the exchange of a stream, nil when nothing is to be kept of it: it is over, or lost, or was pushed. The two sides are
// read independently, so that a response may be seen before its request.
func (r *reader) find(stream uint32, opens bool) *Exchange {
	if x := r.streams[stream]; x != nil || !opens || stream%2 == 0 || stream <= r.newest {
		return x
	}
	if len(r.streams) >= mostStreams {
		if r.side == client {
			r.newest = stream
			r.options.Lost(&Exchange{Stream: stream}, ErrTooManyStreams)
		}
		return nil
	}
	x := &Exchange{Stream: stream}
	r.streams[stream] = x
	return x
}

func (r *reader) headers(stream uint32, b block, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.find(stream, true)
	if r.side == client && stream > r.newest && stream%2 == 1 {
		r.newest = stream
		if x != nil {
			x.Ordinal = r.ordinal
			r.ordinal++
		}
	}
	if x == nil {
		return
	}
	if r.side == client && stream > r.last {
		defer (&reader{r.Conversation, server}).refuse(stream)
	}
	h := r.half(x)
	if h.ended || h.Err != nil {
		return
	}
	h.Last = r.sides[r.side].source.LastAt()
	if h.Message != nil {
		r.trailers(h, b)
		return
	}
	if h.First == 0 {
		h.First = at
	}
	if b.tooLong {
		h.Err = ErrHeadTooLong
		return
	}
	if r.side == server && isInterim(b.fields) {
		return
	}
	r.begin(x, h, b)
}

// begin takes the head of a message.
func (r *reader) begin(x *Exchange, h *Half, b block) {
	var err error
	if r.side == client {
		h.Message, err = parseRequest(b.fields)
	} else {
		h.Message, err = parseResponse(b.fields)
	}
	if err != nil {
		h.Err = err
		return
	}
	if b.end {
		return
	}
	h.body = http1.NewKeeper(h.Message, r.options.Limits(x))
	if r.options.Split != nil {
		h.Parts = r.options.Split(x, h.Message)
	}
}

func (r *reader) trailers(h *Half, b block) {
	if b.tooLong || !b.end {
		return // without trailers the message is still of use
	}
	if text, fields, err := parseTrailers(b.fields); err == nil {
		h.Trailers, h.Message.Trailers = text, fields
	}
}

func (r *reader) data(stream uint32, part []byte, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.find(stream, false)
	if x == nil {
		return
	}
	h := r.half(x)
	if h.ended || h.body == nil {
		return
	}
	h.body.Add(part)
	h.Last = at
	if h.Parts != nil {
		h.Parts.Add(part, at)
	}
}

func (r *reader) ended(stream uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.find(stream, false)
	if x == nil {
		return
	}
	h := r.half(x)
	if !h.ended {
		h.Last = r.sides[r.side].source.LastAt()
		h.endBy = nil // whole after all
	}
	h.end(nil)
	r.settle(x)
}

func (r *reader) reset(stream uint32, code http2.ErrCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut(stream, &ResetError{Code: code, ByClient: r.side == client})
}

// cut ends a stream before its end. Of the other side what had come by now is still read: it may be whole.
func (r *reader) cut(stream uint32, err *ResetError) {
	x := r.find(stream, r.side == server) // a request that is refused may be seen after that
	if x == nil {
		return
	}
	r.half(x).end(err)
	other := &reader{r.Conversation, 1 - r.side}
	h, s := other.half(x), &r.sides[other.side]
	if !h.ended && h.endBy == nil {
		h.endAt, h.endBy = s.source.Came(), err
		if s.taken >= h.endAt {
			h.end(err)
		} else {
			s.ending++
		}
	}
	r.settle(x)
}

// goAway ends the streams that the server will not look at.
func (r *reader) goAway(last uint32) {
	if r.side == client {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = last
	for _, x := range r.open() {
		if x.Stream > last {
			r.refuse(x.Stream)
		}
	}
}

func (r *reader) refuse(stream uint32) { r.cut(stream, &ResetError{Code: http2.ErrCodeRefusedStream}) }

func (r *reader) pushed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.promised++
}

// read ends the halves that were waited for and did not end by themselves.
func (r *reader) read() {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.sides[r.side]
	s.taken = s.source.Taken()
	if s.ending == 0 {
		return
	}
	s.ending = 0
	for _, x := range r.open() {
		h := r.half(x)
		switch {
		case h.ended || h.endBy == nil:
		case s.taken >= h.endAt:
			h.end(h.endBy)
			r.settle(x)
		default:
			s.ending++
		}
	}
}

// open returns the open exchanges in the order of their streams.
func (c *Conversation) open() []*Exchange {
	return slices.SortedFunc(maps.Values(c.streams), func(a, b *Exchange) int { return cmp.Compare(a.Stream, b.Stream) })
}
