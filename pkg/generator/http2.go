// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// exchangeHTTP2 sends a request as a stream of a connection and reads the response.
func exchangeHTTP2(ctx context.Context, conn *http.ClientConn, q *request) (*http1.Message, error) {
	body := newPacedBody(ctx, q.record)
	request, err := newHTTP2Request(ctx, q, body)
	if err != nil {
		return nil, err
	}
	response, err := conn.RoundTrip(request)
	if err != nil {
		body.answered(math.MaxInt)
		return nil, err
	}
	defer response.Body.Close()
	defer body.answered(math.MaxInt)
	m := &http1.Message{Proto: response.Proto, Status: response.StatusCode, Headers: fieldsOf(response.Header)}
	keeper := http1.NewKeeper(m, http1.Limits{Head: maxHead, Body: 2*q.record.GetResponse().GetBodyLength() + bodySlack})
	messages := &grpc.Splitter{}
	wanted := newEventCounter(q.record)
	buffer := make([]byte, 16<<10)
	for !wanted.enough() {
		n, err := response.Body.Read(buffer)
		keeper.Add(buffer[:n])
		messages.Add(buffer[:n], 0)
		wanted.add(buffer[:n])
		body.answered(messages.Count())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	keeper.Close()
	m.Trailers = fieldsOf(response.Trailer)
	return m, nil
}

func newHTTP2Request(ctx context.Context, q *request, body *pacedBody) (*http.Request, error) {
	head, err := http1.ParseHead(q.record.GetRequest().GetHead())
	if err != nil {
		return nil, fmt.Errorf("reading the recorded request: %w", err)
	}
	request := (&http.Request{
		Method: head.Method, URL: &url.URL{Scheme: schemeOf(q.record), Host: q.target, Opaque: head.Target}, Host: head.Get("Host"),
		Header: http.Header{"User-Agent": {""}}, // none of its own
	}).WithContext(ctx)
	for _, h := range head.Headers {
		switch name := http.CanonicalHeaderKey(h.Name); name {
		case "Host", "Content-Length":
		case "User-Agent":
			request.Header[name] = []string{h.Value}
		default:
			request.Header[name] = append(request.Header[name], h.Value)
		}
	}
	trailers, err := http1.ParseFields(q.record.GetRequest().GetTrailers())
	if err != nil {
		return nil, fmt.Errorf("reading the recorded trailers: %w", err)
	}
	if len(trailers) > 0 {
		request.Trailer = http.Header{}
	}
	for _, f := range trailers {
		request.Trailer.Add(f.Name, f.Value)
	}
	request.ContentLength = int64(len(body.message.GetBody()))
	if head.Get("Content-Length") == "" && request.ContentLength > 0 {
		request.ContentLength = -1 // not said, as in the recording
	}
	if request.ContentLength != 0 || len(trailers) > 0 {
		request.Body = body
	}
	return request, nil
}

func fieldsOf(header http.Header) []http1.Header {
	var fields []http1.Header
	for name, values := range header {
		for _, value := range values {
			fields = append(fields, http1.Header{Name: strings.ToLower(name), Value: value})
		}
	}
	return fields
}

// pacedBody is the body of a request. That of a stream comes in its recorded pieces: each after the messages of the response that it
// came after, and with the time between.
type pacedBody struct {
	ctx     context.Context
	message *trafficpb.Message
	steps   []bodyStep
	sent    int // of the body
	next    int // step

	mu       sync.Mutex
	messages int           // of the response that have come
	changed  chan struct{} // closed when there are more
}

// bodyStep is a piece of a body.
type bodyStep struct {
	end      int
	messages int // of the response that came before
	wait     time.Duration
}

func newPacedBody(ctx context.Context, r *trafficpb.Record) *pacedBody {
	request := r.GetRequest()
	b := &pacedBody{ctx: ctx, message: request, changed: make(chan struct{})}
	before := request.GetFirstByte()
	for _, p := range request.GetPieces() {
		s := bodyStep{end: min(int(p.GetEnd()), len(request.GetBody()))}
		for _, a := range r.GetResponse().GetPieces() {
			if a.GetAt() < p.GetAt() {
				s.messages++
				before = max(before, a.GetAt())
			}
		}
		s.wait = time.Duration(max(p.GetAt()-before, 0))
		before = max(before, p.GetAt())
		b.steps = append(b.steps, s)
	}
	b.steps = append(b.steps, bodyStep{end: len(request.GetBody())})
	if last := &b.steps[len(b.steps)-1]; len(b.steps) > 1 {
		for _, a := range r.GetResponse().GetPieces() {
			if a.GetAt() < request.GetLastByte() {
				last.messages++
			}
		}
	}
	return b
}

// answered says how many messages of the response have come.
func (b *pacedBody) answered(messages int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if messages > b.messages {
		b.messages = messages
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// Read returns the rest of a piece when its time has come.
func (b *pacedBody) Read(p []byte) (int, error) {
	for {
		if b.next == len(b.steps) {
			return 0, io.EOF
		}
		s := &b.steps[b.next]
		if err := b.reach(s); err != nil {
			return 0, err
		}
		if n := copy(p, b.message.GetBody()[b.sent:s.end]); n > 0 {
			b.sent += n
			return n, nil
		}
		b.next++
	}
}

// reach waits until a piece may be sent.
func (b *pacedBody) reach(s *bodyStep) error {
	for {
		b.mu.Lock()
		enough, changed := b.messages >= s.messages, b.changed
		b.mu.Unlock()
		if enough {
			break
		}
		select {
		case <-changed:
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
	if s.wait <= 0 {
		return nil
	}
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	s.wait = 0
	select {
	case <-timer.C:
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// Close does nothing: there is nothing to give back.
func (b *pacedBody) Close() error { return nil }
