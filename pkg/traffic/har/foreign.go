// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// foreign makes a record of an entry that another program wrote. What browsers write of HTTP/2 becomes HTTP/1.1, and since they
// keep bodies decoded, the headers lose what speaks of their coding.
func (e *entry) foreign(raw []byte, port uint32) (*trafficpb.Record, error) {
	address, err := url.Parse(e.Request.URL)
	if err != nil {
		return nil, fmt.Errorf("request.url: %w", err)
	}
	if address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, fmt.Errorf("request.url: %q is not that of an HTTP request", e.Request.URL)
	}
	if e.Request.Method == "" || strings.ContainsAny(e.Request.Method, " \r\n") {
		return nil, fmt.Errorf("request.method: %q is no method", e.Request.Method)
	}
	started, err := time.Parse(time.RFC3339Nano, e.Started)
	if err != nil {
		return nil, fmt.Errorf("startedDateTime: %w", err)
	}
	if port, err = portOf(address, port); err != nil {
		return nil, err
	}
	id := idOf(started, raw)
	r := &trafficpb.Record{
		Id: id, Session: cmp.Or(e.Connection, id), Connection: cmp.Or(e.Connection, id),
		Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: traffic.ProtocolHTTP1, Port: port,
		Operation: e.Request.Method + " " + cmp.Or(address.EscapedPath(), "/"),
	}
	if r.Status, err = e.status(); err != nil {
		return nil, err
	}
	if err := e.foreignMessages(r, address); err != nil {
		return nil, err
	}
	e.Timings.setTimes(r, started.UnixNano())
	return r, nil
}

func (e *entry) foreignMessages(r *trafficpb.Record, address *url.URL) error {
	body, err := e.Request.body()
	if err != nil {
		return fmt.Errorf("request.postData.text: %w", err)
	}
	headers := plainHeaders(e.Request.Headers, len(body), len(body) > 0)
	if !slices.ContainsFunc(headers, func(p pair) bool { return strings.EqualFold(p.Name, "Host") }) {
		headers = slices.Insert(headers, 0, pair{"Host", address.Host})
	}
	if err := checkHeaders(headers); err != nil {
		return fmt.Errorf("request.headers: %w", err)
	}
	r.Request = &trafficpb.Message{
		Head: joinHead(e.Request.Method, address.RequestURI(), http11, headers),
		Body: body, BodyLength: int64(len(body)), BodySha256: sum(body),
	}
	if r.GetStatus() == 0 {
		r.Failure = "no response in the archive"
		return nil
	}
	if body, err = decode(e.Response.Content.Text, e.Response.Content.Encoding); err != nil {
		return fmt.Errorf("response.content.text: %w", err)
	}
	headers = plainHeaders(e.Response.Headers, len(body), true)
	if err := checkHeaders(append(headers, pair{"status", e.Response.StatusText})); err != nil {
		return fmt.Errorf("response.headers: %w", err)
	}
	r.Response = &trafficpb.Message{
		Head: joinHead(http11, strconv.Itoa(int(r.GetStatus())), e.Response.StatusText, headers),
		Body: body, BodyLength: int64(len(body)), BodySha256: sum(body),
	}
	if len(body) == 0 && e.Response.Content.Size > 0 { // an archive without contents
		r.Response.BodyLength = e.Response.Content.Size
		r.Defects = append(r.Defects, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED)
	}
	return nil
}

// plainHeaders are the headers of a message in HTTP/1.1 whose body is not coded.
func plainHeaders(headers []pair, size int, sized bool) []pair {
	var plain []pair
	for _, h := range headers {
		switch strings.ToLower(h.Name) {
		case "content-length", "content-encoding", "transfer-encoding":
			continue
		}
		if !strings.HasPrefix(h.Name, ":") {
			plain = append(plain, h)
		}
	}
	if sized {
		plain = append(plain, pair{"Content-Length", strconv.Itoa(size)})
	}
	return plain
}

// checkHeaders refuses what would end a line.
func checkHeaders(headers []pair) error {
	for _, h := range headers {
		if h.Name == "" || strings.ContainsAny(h.Name, "\r\n: ") || strings.ContainsAny(h.Value, "\r\n") {
			return fmt.Errorf("%q: %q is no header", h.Name, h.Value)
		}
	}
	return nil
}

func portOf(address *url.URL, port uint32) (uint32, error) {
	if port != 0 {
		return port, nil
	}
	if address.Port() == "" {
		return 0, errors.New("request.url: it names no port; set spec.upload.port of the snapshot to the container port that the requests are for")
	}
	number, err := strconv.ParseUint(address.Port(), 10, 16)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("request.url: port %q is not 1 to 65535", address.Port())
	}
	return uint32(number), nil
}

// idOf is the same for the same entry.
func idOf(started time.Time, raw []byte) string {
	var id ulid.ULID
	hash := sha256.Sum256(raw)
	copy(id[6:], hash[:])
	if ms := started.UnixMilli(); ms >= 0 && uint64(ms) <= ulid.MaxTime() {
		_ = id.SetTime(uint64(ms)) // within bounds
	}
	return id.String()
}

// setTimes places the messages of a record. Before sending comes what browsers do before.
func (t timings) setTimes(r *trafficpb.Record, started int64) {
	at := started + nanoseconds(t.Blocked) + nanoseconds(t.DNS) + nanoseconds(t.Connect)
	r.Request.FirstByte = at
	r.Request.LastByte = at + nanoseconds(t.Send)
	if r.Response != nil {
		r.Response.FirstByte = r.Request.LastByte + nanoseconds(t.Wait)
		r.Response.LastByte = r.Response.FirstByte + nanoseconds(t.Receive)
	}
}

// maxMilliseconds bounds a timing: a day.
const maxMilliseconds = 24 * 60 * 60 * 1000

func nanoseconds(milliseconds float64) int64 {
	return int64(min(max(milliseconds, 0), maxMilliseconds) * float64(time.Millisecond))
}
