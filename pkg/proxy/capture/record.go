// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// exchangeRecord makes the record of an exchange.
func (c *connection) exchangeRecord(protocol string, x *exchange) *trafficpb.Record {
	r := c.newRecord(protocol, x.ordinal)
	r.Request = message(x.request, x.requestFirst, x.requestLast)
	x.describe(r)
	if x.request.Truncated {
		r.Defects = append(r.Defects, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED)
	}
	if x.response != nil {
		r.Response = message(x.response, x.responseFirst, x.responseLast)
		r.Response.Pieces = x.events.pieces()
		r.Status = uint32(x.response.Status)
		if x.response.Truncated {
			r.Defects = append(r.Defects, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED)
		}
	}
	addDefect(r, requestDefect(x.requestErr))
	if x.events.endedByClient(c) {
		r.EndedBy = traffic.EndedByClient
		return r
	}
	defect, failure := c.responseDefect(x)
	addDefect(r, defect)
	r.Failure = failure
	return r
}

// describe takes what the request says of the exchange.
func (x *exchange) describe(r *trafficpb.Record) {
	r.Operation = operation(x.request)
	if host := hostName(x.request.Get("Host")); host != "" {
		r.Host = host
	}
	r.TraceId = traceID(x.request)
	if r.TraceId != "" {
		r.Session = r.TraceId
	}
}

func (c *connection) newRecord(protocol string, ordinal uint64) *trafficpb.Record {
	r := &trafficpb.Record{
		Id: ulid.Make().String(), Session: c.id, Connection: c.id, Ordinal: ordinal, Direction: c.direction, Protocol: protocol,
		Workload: c.capture.Workload, Host: c.address, Port: uint32(c.to.Port()), PeerAddress: c.peer,
		Scheme: c.scheme, TlsUntouched: c.untouched,
	}
	if c.serverName != "" && c.direction == trafficpb.Direction_DIRECTION_OUTBOUND {
		r.Host = c.serverName
	}
	return r
}

// submit redacts a record and hands it to the recorder, unless it is to be left out.
func (c *connection) submit(r *trafficpb.Record) {
	if reason := c.capture.Selection.Record(r); reason != "" {
		c.capture.leaveOut(c.direction, reason)
	} else {
		c.capture.Redactor.Record(r)
		hashBody(r.GetRequest())
		hashBody(r.GetResponse())
		c.capture.Recorder.Record(r)
	}
	c.firstRecord.Do(func() { close(c.recorded) })
}

// hashBody hashes a body that is whole, unless it was hashed when it was redacted.
func hashBody(m *trafficpb.Message) {
	if len(m.GetBody()) > 0 && m.GetBodySha256() == nil {
		sum := sha256.Sum256(m.GetBody())
		m.BodySha256 = sum[:]
	}
}

func message(m *http1.Message, first, last int64) *trafficpb.Message {
	return &trafficpb.Message{
		Head: m.Head, Body: m.Body, BodyLength: m.BodyLength, BodySha256: m.BodySHA256, FirstByte: first, LastByte: last,
	}
}

func addDefect(r *trafficpb.Record, d trafficpb.Defect) {
	if d != trafficpb.Defect_DEFECT_UNSPECIFIED && !slices.Contains(r.GetDefects(), d) {
		r.Defects = append(r.Defects, d)
	}
}

func requestDefect(err error) trafficpb.Defect {
	switch {
	case err == nil:
		return trafficpb.Defect_DEFECT_UNSPECIFIED
	case errors.Is(err, tee.ErrOverflow):
		return trafficpb.Defect_DEFECT_TEE_OVERFLOW
	case unreadable(err), errors.Is(err, http2.ErrHeadTooLong):
		return trafficpb.Defect_DEFECT_PARSE_ERROR
	}
	return trafficpb.Defect_DEFECT_CUT_OFF
}

// responseDefect tells a failure of the server, which is worth replaying, from what the client or the proxy broke off.
func (c *connection) responseDefect(x *exchange) (trafficpb.Defect, string) {
	err := x.responseErr
	none, cutOff := trafficpb.Defect_DEFECT_UNSPECIFIED, trafficpb.Defect_DEFECT_CUT_OFF
	if err == nil {
		return none, ""
	}
	partial := none
	if x.response != nil {
		partial = cutOff
	}
	var f *failure
	var reset *http2.ResetError
	switch {
	case errors.As(err, &reset) && reset.ByClient:
		return cutOff, ""
	case errors.As(err, &reset):
		return partial, reset.Error()
	case errors.As(err, &f):
		return none, f.text
	case errors.Is(err, tee.ErrReset):
		return partial, "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if c.clientLeftFirst() {
			return cutOff, ""
		}
		return partial, "eof"
	}
	return requestDefect(err), ""
}

func (c *connection) clientLeftFirst() bool {
	left := c.requests.Stream().Ended()
	return left != 0 && left < c.responses.Stream().Ended()
}

// operation is the method and the path, without the query and what a proxy's client puts before the path.
func operation(m *http1.Message) string {
	target, _, _ := strings.Cut(m.Target, "?")
	if _, rest, ok := strings.Cut(target, "://"); ok && m.Target[0] != '/' {
		_, path, _ := strings.Cut(rest, "/")
		target = "/" + path
	}
	return m.Method + " " + target
}

// hostName is the Host header without the port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
