// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// http2Call is one call on a connection that speaks HTTP/2.
type http2Call struct {
	*connection
	w        http.ResponseWriter
	r        *http.Request
	m        *http1.Message
	resets   *resets
	stream   uint32 // 0 when it is not known
	body     *http1.Keeper
	messages int  // of gRPC that were read
	ended    bool // the request
}

// answerHTTP2 answers a call. Where there is no answer the stream is reset.
func answerHTTP2(conn *connection, resets *resets, w http.ResponseWriter, r *http.Request) {
	c := &http2Call{connection: conn, w: w, r: r, resets: resets, stream: takeStream(r.Header)}
	c.m = requestOf(r)
	c.body = http1.NewKeeper(c.m, requestLimits)
	found, ok, err := c.find()
	if err != nil {
		panic(http.ErrAbortHandler) // the client gave up
	}
	if !ok {
		c.server.reporter.Missed(c.query())
		c.miss()
		return
	}
	c.server.reporter.Matched(c.query().Key(), found.Record.GetOperation(), found)
	if found.Record.GetFailure() != "" {
		c.fail(found.Record)
		return
	}
	c.respond(found.Record)
}

// requestOf writes a request in the form in which it is matched.
func requestOf(r *http.Request) *http1.Message {
	m := &http1.Message{Proto: protoHTTP2, Method: r.Method, Target: r.RequestURI, Headers: []http1.Header{{Name: "host", Value: r.Host}}}
	for name, values := range r.Header {
		for _, value := range values {
			m.Headers = append(m.Headers, http1.Header{Name: strings.ToLower(name), Value: value})
		}
	}
	return m
}

func (c *http2Call) query() *match.Request {
	return match.FromMessage(c.m, c.hello.GetHost(), c.hello.GetAddress(), c.hello.GetPort())
}

// find reads the request as far as is needed to know the record. The error says that it could not be read.
func (c *http2Call) find() (match.Match, bool, error) {
	index := c.server.index
	if grpc.Is(c.m) {
		for _, messages := range index.Openings(c.query()) {
			if err := c.receive(messages); err != nil {
				return match.Match{}, false, err
			}
			if c.messages < messages {
				break // the request ended before
			}
			if found, ok := index.ClaimOpening(c.query()); ok {
				return found, true, nil
			}
		}
	}
	if err := c.receiveAll(); err != nil {
		return match.Match{}, false, err
	}
	c.body.Close()
	found, ok := index.Claim(c.query())
	return found, ok, nil
}

// receive reads until so many messages of the request have come, or it has ended.
func (c *http2Call) receive(messages int) error {
	for c.messages < messages && !c.ended {
		var prefix [grpc.PrefixLength]byte
		n, err := io.ReadFull(c.r.Body, prefix[:])
		c.body.Add(prefix[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			c.ended = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		if err := c.copy(io.LimitReader(c.r.Body, int64(binary.BigEndian.Uint32(prefix[1:])))); err != nil {
			return err
		}
		c.messages++
	}
	return nil
}

func (c *http2Call) receiveAll() error {
	if c.ended {
		return nil
	}
	c.ended = true
	return c.copy(c.r.Body)
}

func (c *http2Call) copy(from io.Reader) error {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		c.body.Add(buffer[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
	}
}

// respond plays the response in its parts, each after the part of the request that it came after.
func (c *http2Call) respond(r *trafficpb.Record) {
	head, err := http1.ParseHead(r.GetResponse().GetHead())
	if err != nil {
		panic(http.ErrAbortHandler) // such a record is not playable
	}
	body, trailers, from := r.GetResponse().GetBody(), r.GetResponse().GetTrailers(), int64(0)
	steps := stepsOf(r)
	for i, s := range steps {
		if !c.reach(s) {
			panic(http.ErrAbortHandler)
		}
		if i == 0 {
			c.begin(head)
		}
		end := min(max(s.end, from), int64(len(body)))
		if end > from {
			if _, err := c.w.Write(body[from:end]); err != nil {
				panic(http.ErrAbortHandler)
			}
			from = end
		}
		// What has trailers may be a stream whose client goes on when it has the part. Without trailers the head of a gRPC call
		// that has no messages ends the stream, and must not be sent before that.
		if i < len(steps)-1 && (len(trailers) > 0 || len(r.GetResponse().GetPieces()) > 0) {
			_ = http.NewResponseController(c.w).Flush() // fails when the client is gone, as writing will
		}
	}
	if r.GetEndedBy() == traffic.EndedByClient {
		_ = http.NewResponseController(c.w).Flush() // the head, when nothing came after it
		pause(c.r.Context(), longestHold)
		panic(http.ErrAbortHandler)
	}
	fields, err := http1.ParseFields(trailers)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for _, f := range fields {
		c.w.Header().Add(http.TrailerPrefix+http.CanonicalHeaderKey(f.Name), f.Value)
	}
}

// reach waits for what comes before a step of the response.
func (c *http2Call) reach(s step) bool {
	err := c.receive(s.messages)
	if err == nil && s.ended {
		err = c.receiveAll()
	}
	wait := s.wait
	if !c.server.policy.Recorded {
		wait = 0
	}
	return err == nil && pause(c.r.Context(), wait)
}

// begin sets the fields of the head; nothing is added that was not recorded.
func (c *http2Call) begin(head *http1.Message) {
	fields := c.w.Header()
	for _, name := range []string{"Date", "Content-Type", "Content-Length"} {
		fields[name] = nil
	}
	for _, h := range head.Headers {
		switch name := http.CanonicalHeaderKey(h.Name); name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade": // of HTTP/1
		default:
			fields.Add(name, h.Value)
		}
	}
	c.w.WriteHeader(head.Status)
}

// miss does with a call that was not recorded as the policy says. One of gRPC gets the status that clients also have for a
// connection that is reset, with a message.
func (c *http2Call) miss() {
	status := c.server.policy.MissStatus
	fields := c.w.Header()
	fields.Set("Restage-Match", "Missed")
	if !grpc.Is(c.m) {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		fields.Set("Content-Type", "text/plain")
		c.w.WriteHeader(status)
		_, _ = io.WriteString(c.w, "The recording does not hold this call.\n") // fails when the client is gone
		return
	}
	fields.Set("Content-Type", "application/grpc")
	fields["Content-Length"] = nil
	fields.Set("Grpc-Status", strconv.Itoa(int(codes.Unavailable)))
	fields.Set("Grpc-Message", "the recording does not hold this call: "+strings.ReplaceAll(c.m.Target, "%", "%25"))
	c.w.WriteHeader(http.StatusOK)
}

// fail plays a recorded failure: of the stream, or of the connection and so of all its streams.
func (c *http2Call) fail(r *trafficpb.Record) {
	d := patience(r)
	if r.GetFailure() == "timeout" && d == 0 {
		d = longestHold
	}
	if !c.server.policy.Recorded && r.GetFailure() != "timeout" {
		d = 0
	}
	ok := pause(c.r.Context(), d)
	code, isReset := http2.ParseReset(r.GetFailure())
	switch {
	case ok && isReset:
		c.resets.code(c.stream, code)
	case ok && r.GetFailure() != "timeout":
		c.reset()
	}
	panic(http.ErrAbortHandler)
}

// step is one part of a response.
type step struct {
	messages int           // of the request that came before it
	ended    bool          // the request had ended before
	wait     time.Duration // since the last thing before it
	end      int64         // offset in the body
}

// stepsOf are the parts of a recorded response, with its end as the last.
func stepsOf(r *trafficpb.Record) []step {
	request, response := r.GetRequest(), r.GetResponse()
	parts := response.GetPieces()
	if len(parts) == 0 {
		parts = []*trafficpb.Piece{{End: int64(len(response.GetBody())), At: response.GetFirstByte()}}
	}
	parts = append(slices.Clone(parts), &trafficpb.Piece{End: int64(len(response.GetBody())), At: response.GetLastByte()})
	steps := make([]step, 0, len(parts))
	var before int64 // when the part before came
	for _, p := range parts {
		s := step{end: p.GetEnd(), ended: request.GetLastByte() <= p.GetAt()}
		for _, q := range request.GetPieces() {
			if q.GetAt() <= p.GetAt() {
				s.messages++
				before = max(before, q.GetAt())
			}
		}
		if s.ended {
			before = max(before, request.GetLastByte())
		}
		s.wait = since(p.GetAt(), before)
		before = max(before, p.GetAt())
		steps = append(steps, s)
	}
	return steps
}
