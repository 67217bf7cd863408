// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package match finds the recorded call that answers a call. A call is known by its signature; the records with
// one signature form a sequence in recorded order, of which each claim takes the next.
package match

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// WholeBody is the size in bytes up to which the content of a body is in the signature. A larger one, and
// one that the recorder cut, is known by its length and its SHA-256 alone.
const WholeBody = 1 << 20

// Request is what the matching looks at in an HTTP request.
type Request struct {
	Host            string // lower case, without port
	Port            uint32
	Method          string
	Path            string // raw, without query
	Query           string // raw
	ContentType     string
	ContentEncoding string
	MessageEncoding string // how messages of gRPC are compressed that are
	Body            []byte
	BodyLength      int64
	BodySHA256      []byte
	Truncated       bool   // Body is not the whole body
	Trace           string // trace id, "" when there is none
}

// FromMessage takes the request m, which was sent to port. Its host is the one of the Host header; where that is an
// address or missing, it is name, if that is not empty, else the address of the Host header, else address.
func FromMessage(m *http1.Message, name, address string, port uint32) *Request {
	authority, path, query := splitTarget(m.Target)
	if authority == "" {
		authority = m.Get("Host")
	}
	host := HostName(authority)
	if host == "" {
		host = address
	}
	if name != "" && isAddress(host) {
		host = HostName(name)
	}
	return fromMessage(m, host, port, path, query)
}

func fromMessage(m *http1.Message, host string, port uint32, path, query string) *Request {
	return &Request{
		Host: host, Port: port, Method: m.Method, Path: path, Query: query,
		ContentType: m.Get("Content-Type"), ContentEncoding: m.Get("Content-Encoding"), MessageEncoding: m.Get("Grpc-Encoding"),
		Body: m.Body, BodyLength: m.BodyLength, BodySHA256: m.BodySHA256, Truncated: m.Truncated,
		Trace: traceID(m),
	}
}

// FromRecord takes the request of an HTTP record. The error says why its head cannot be read.
func FromRecord(r *trafficpb.Record) (*Request, error) {
	m, err := http1.ParseHead(r.GetRequest().GetHead())
	if err != nil {
		return nil, fmt.Errorf("reading the request of record %s: %w", r.GetId(), err)
	}
	if m.Method == "" {
		return nil, fmt.Errorf("reading the request of record %s: its head is that of a response", r.GetId())
	}
	m.Body, m.BodyLength, m.BodySHA256 = r.GetRequest().GetBody(), r.GetRequest().GetBodyLength(), r.GetRequest().GetBodySha256()
	m.Truncated = m.BodyLength > int64(len(m.Body)) || hasDefect(r, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED)
	_, path, query := splitTarget(m.Target)
	q := fromMessage(m, HostName(r.GetHost()), r.GetPort(), path, query)
	q.Trace = r.GetTraceId()
	return q, nil
}

// Key names the slice of the request: host:port.
func (q *Request) Key() string { return Destination(q.Host, q.Port) }

// Destination is the key of the slice to host and port, "host:port".
func Destination(host string, port uint32) string {
	return net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10))
}

// Operation is the method and the path.
func (q *Request) Operation() string { return q.Method + " " + q.Path }

// byDigest tells whether the body is known by length and hash alone.
func (q *Request) byDigest() bool { return q.Truncated || q.BodyLength > WholeBody }

// HostName takes the port, the brackets and the last dot off a host and makes it lower case.
func HostName(authority string) string {
	host := authority
	if name, _, err := net.SplitHostPort(authority); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// splitTarget takes apart "/path?query" and "http://authority/path?query"; the path of anything else is all of it.
func splitTarget(target string) (authority, path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return "", path, query
	}
	if scheme, rest, ok := strings.Cut(path, "://"); ok && scheme != "" {
		authority, path, _ = strings.Cut(rest, "/")
		if _, after, ok := strings.Cut(authority, "@"); ok {
			authority = after
		}
		return authority, "/" + path, query
	}
	return "", path, query
}

// longestTrace bounds an id that a client chose.
const longestTrace = 128

// traceID is the one that the recorder writes into Record.trace_id: that of traceparent, else x-request-id, else
// x-b3-traceid, else "".
func traceID(m *http1.Message) string {
	if id := traceparent(m.Get("traceparent")); id != "" {
		return id
	}
	for _, name := range []string{"x-request-id", "x-b3-traceid"} {
		if id := m.Get(name); id != "" && len(id) <= longestTrace {
			return id
		}
	}
	return ""
}

// traceparent returns the trace id of "00-<32 hex>-<16 hex>-<2 hex>", "" when it is not well formed or all zero.
func traceparent(value string) string {
	const version, trace, span = len("00-"), len("00-") + 32, len("00-") + 32 + len("-") + 16
	if len(value) < span+len("-00") || value[version-1] != '-' || value[trace] != '-' || value[span] != '-' {
		return ""
	}
	id := strings.ToLower(value[version:trace])
	if strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
