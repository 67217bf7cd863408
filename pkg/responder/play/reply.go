// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// reply is what must be known of a recorded response beside its bytes.
type reply struct {
	closes bool // the server closed the connection after it
	raw    bool // the body ended with the connection, so that it is sent without framing
	chunks bool // the body was sent in chunks
	// head is that of the response, as HTTP/1 has it also when it was recorded of HTTP/2.
	head []byte
}

// newReplies reads the heads of all responses once.
func newReplies(records []*trafficpb.Record) []reply {
	replies := make([]reply, len(records))
	for i, r := range records {
		m, err := http1.ParseHead(r.GetResponse().GetHead())
		if err != nil {
			continue // not HTTP, or a failure; no response of it is sent
		}
		bodiless := m.Status/100 == 1 || m.Status == 204 || m.Status == 304
		replies[i] = reply{
			closes: m.Close,
			chunks: m.Get("Transfer-Encoding") != "",
			raw:    !bodiless && m.Get("Content-Length") == "" && m.Get("Transfer-Encoding") == "" && m.Proto != protoHTTP2,
			head:   headOfHTTP1(m),
		}
	}
	return replies
}

// protoHTTP2 begins the heads of records of HTTP/2.
const protoHTTP2 = "HTTP/2"

// headOfHTTP1 rewrites the first line of a response that was recorded of HTTP/2.
func headOfHTTP1(m *http1.Message) []byte {
	if m.Proto != protoHTTP2 {
		return m.Head
	}
	_, fields, _ := bytes.Cut(m.Head, []byte("\r\n"))
	return append(fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", m.Status, http.StatusText(m.Status)), fields...)
}

// delay is how long the dependency took from the last byte of the request to the first of the response.
func delay(r *trafficpb.Record) time.Duration {
	return since(r.GetResponse().GetFirstByte(), r.GetRequest().GetLastByte())
}

// patience is how long the workload waited for a response that did not come; 0 when that is not known.
func patience(r *trafficpb.Record) time.Duration {
	return since(r.GetResponse().GetLastByte(), r.GetRequest().GetLastByte())
}

// since is the time between two Unix nanoseconds, 0 when one is missing or they are in the wrong order.
func since(later, earlier int64) time.Duration {
	if later == 0 || earlier == 0 {
		return 0
	}
	return time.Duration(max(later-earlier, 0))
}
