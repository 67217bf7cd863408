// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var recordedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// call is a request to back:9898 in short.
type call struct {
	line    string // "GET /path?query"
	kind    string // Content-Type
	body    string
	headers string // more header lines, each with CR LF
	host    string // of another destination
}

func (c call) head() []byte {
	host := c.host
	if host == "" {
		host = "back"
	}
	head := c.line + " HTTP/1.1\r\nHost: " + host + ":9898\r\n" + c.headers
	if c.kind != "" {
		head += "Content-Type: " + c.kind + "\r\n"
	}
	return []byte(head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(c.body)))
}

// record is the record of the call, answered with 200 and the text of answer.
func (c call) record(t testing.TB, answer string) *trafficpb.Record {
	m, err := http1.ParseHead(c.head())
	if err != nil {
		t.Fatal(err)
	}
	r := &trafficpb.Record{
		Id: ulid.Make().String(), Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: traffic.ProtocolHTTP1, Port: 9898,
		Host: HostName(m.Get("Host")), TraceId: traceID(m), Status: 200,
		Request: &trafficpb.Message{
			Head: c.head(), Body: []byte(c.body), BodyLength: int64(len(c.body)), BodySha256: digest(c.body),
			FirstByte: recordedAt.UnixNano(),
		},
		Response: &trafficpb.Message{
			Head: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(answer)), Body: []byte(answer), BodyLength: int64(len(answer)),
		},
	}
	return r
}

func (c call) request(t testing.TB) *Request {
	m, err := http1.ParseHead(c.head())
	if err != nil {
		t.Fatal(err)
	}
	m.Body, m.BodyLength, m.BodySHA256 = []byte(c.body), int64(len(c.body)), digest(c.body)
	return FromMessage(m, "", "10.0.0.1", 9898)
}

func digest(body string) []byte {
	if body == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(body))
	return sum[:]
}

// answer is what the index answers to the call, "" for a miss, with "~" before it when it was denoised.
func answer(t testing.TB, x *Index, c call) string {
	m, ok := x.Claim(c.request(t))
	if !ok {
		return ""
	}
	text := string(m.Record.GetResponse().GetBody())
	if m.Tier == Denoised {
		return "~" + text
	}
	return text
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func TestExactSignature(t *testing.T) {
	type pair struct {
		name     string
		recorded call
		asked    call
		want     bool
	}
	multi := func(boundary, order string) call {
		parts := map[string]string{
			"a": "Content-Disposition: form-data; name=\"a\"\r\n\r\n1",
			"b": "Content-Disposition: form-data; name=\"b\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\ntext",
		}
		var body strings.Builder
		for _, name := range order {
			body.WriteString("--" + boundary + "\r\n" + parts[string(name)] + "\r\n")
		}
		return call{line: "POST /up", kind: "multipart/form-data; boundary=" + boundary, body: body.String() + "--" + boundary + "--\r\n"}
	}
	for _, c := range []pair{
		{"equal", call{line: "GET /a?x=1"}, call{line: "GET /a?x=1"}, true},
		{"other headers", call{line: "GET /a"}, call{line: "GET /a", headers: "User-Agent: x\r\nDate: now\r\n"}, true},
		{"order of the query", call{line: "GET /a?x=1&y=2"}, call{line: "GET /a?y=2&x=1"}, true},
		{"escapes of the query", call{line: "GET /a?x=%41+b"}, call{line: "GET /a?x=A%20b"}, true},
		{"order of one parameter", call{line: "GET /a?x=1&x=2"}, call{line: "GET /a?x=2&x=1"}, false},
		{"other value", call{line: "GET /a?x=1"}, call{line: "GET /a?x=2"}, false},
		{"missing parameter", call{line: "GET /a?x=1"}, call{line: "GET /a"}, false},
		{"method", call{line: "GET /a"}, call{line: "HEAD /a"}, false},
		{"path", call{line: "GET /orders/7"}, call{line: "GET /orders/8"}, false},
		{"host", call{line: "GET /a"}, call{line: "GET /a", host: "other"}, false},
		{"case of the host", call{line: "GET /a"}, call{line: "GET /a", host: "BACK"}, true},
		{"absolute form", call{line: "GET /a?x=1"}, call{line: "GET http://back:9898/a?x=1"}, true},
		{"parameters of the type", call{line: "POST /a", kind: jsonType, body: "{}"}, call{line: "POST /a", kind: jsonType + "; charset=utf-8", body: "{}"}, true},
		{"type", call{line: "POST /a", kind: jsonType, body: "{}"}, call{line: "POST /a", kind: "text/plain", body: "{}"}, false},
		{
			"order and spelling of JSON",
			call{line: "POST /a", kind: jsonType, body: `{"a":1,"b":[1.50,"A"],"c":{"d":null}}`},
			call{line: "POST /a", kind: jsonType, body: ` { "c":{"d":null}, "b":[15e-1,"\u0041"], "a":1.0 } `}, true,
		},
		{"order of an array", call{line: "POST /a", body: `[1,2]`}, call{line: "POST /a", body: `[2,1]`}, false},
		{"string and number", call{line: "POST /a", body: `{"a":1}`}, call{line: "POST /a", body: `{"a":"1"}`}, false},
		{"large numbers", call{line: "POST /a", body: `[9007199254740993]`}, call{line: "POST /a", body: `[9007199254740992]`}, false},
		{"shape", call{line: "POST /a", body: `[[],{}]`}, call{line: "POST /a", body: `[{},[]]`}, false},
		{"JSON of curl", call{line: "POST /a", kind: formType, body: `{"a":1,"b":2}`}, call{line: "POST /a", kind: formType, body: `{"b":2,"a":1}`}, true},
		{"form", call{line: "POST /a", kind: formType, body: "a=1&b=2"}, call{line: "POST /a", kind: formType, body: "b=2&a=1"}, true},
		{"form value", call{line: "POST /a", kind: formType, body: "a=1&b=2"}, call{line: "POST /a", kind: formType, body: "b=1&a=2"}, false},
		{"multipart", multi("AAA", "ab"), multi("BBB", "ba"), true},
		{"multipart part", multi("AAA", "ab"), multi("AAA", "a"), false},
		{"bytes", call{line: "POST /a", kind: "text/plain", body: "b a"}, call{line: "POST /a", kind: "text/plain", body: "a b"}, false},
		{
			"compressed is bytes",
			call{line: "POST /a", body: `{"a":1,"b":2}`, headers: "Content-Encoding: gzip\r\n"},
			call{line: "POST /a", body: `{"b":2,"a":1}`, headers: "Content-Encoding: gzip\r\n"}, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := Build([]*trafficpb.Record{c.recorded.record(t, "yes")})
			if got := answer(t, x, c.asked) == "yes"; got != c.want {
				t.Errorf("matched: %v, want %v", got, c.want)
			}
		})
	}
}

func TestCutBodyIsKnownByItsDigest(t *testing.T) {
	body := strings.Repeat("0123456789", 100)
	r := call{line: "PUT /file", body: body}.record(t, "stored")
	r.Request.Body = r.Request.Body[:10]
	r.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_REQUEST_TRUNCATED}
	x := Build([]*trafficpb.Record{r})
	if got := answer(t, x, call{line: "PUT /file", body: body}); got != "stored" {
		t.Errorf("the whole body: answer %q", got)
	}
	if got := answer(t, x, call{line: "PUT /file", body: body[:999] + "x"}); got != "" {
		t.Errorf("another body of the same length: answer %q", got)
	}
}

func TestLongBodyIsKnownByItsDigest(t *testing.T) {
	long := call{line: "PUT /file", kind: jsonType, body: `["` + strings.Repeat("a", WholeBody) + `"]`}
	x := Build([]*trafficpb.Record{long.record(t, "stored")})
	asked := long.request(t)
	asked.Body, asked.Truncated = asked.Body[:WholeBody], true
	if _, ok := x.Claim(asked); !ok {
		t.Error("a body that neither side looks into is missed")
	}
}

func TestAddressesAreNamedByTheTunnel(t *testing.T) {
	m, err := http1.ParseHead([]byte("GET / HTTP/1.1\r\nHost: 198.18.0.7:80\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := FromMessage(m, "API.example.com.", "198.18.0.7", 80).Host; got != "api.example.com" {
		t.Errorf("host %q", got)
	}
	if got := FromMessage(m, "", "198.18.0.7", 80).Host; got != "198.18.0.7" {
		t.Errorf("host %q", got)
	}
	m, err = http1.ParseHead([]byte("GET / HTTP/1.0\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := FromMessage(m, "back", "198.18.0.7", 80).Host; got != "back" {
		t.Errorf("host without a Host header %q", got)
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{
		"Back:9898": "back", "back": "back", "back.": "back", "[::1]:80": "::1", "::1": "::1", "[2001:DB8::1]": "2001:db8::1", "": "", "10.0.0.1:80": "10.0.0.1",
	} {
		if got := HostName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTraceID(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for headers, want := range map[string]string{
		"traceparent: 00-" + id + "-b7ad6b7169203331-01\r\nX-Request-Id: x\r\n":                      id,
		"traceparent: 00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01\r\n":                        id,
		"traceparent: 00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01\r\nX-B3-TraceId: b\r\n": "b",
		"traceparent: 00-" + id + "\r\nX-Request-Id: x\r\nX-B3-TraceId: b\r\n":                       "x",
		"X-Request-Id: " + strings.Repeat("x", 129) + "\r\n":                                         "",
		"": "",
	} {
		if got := (call{line: "GET /", headers: headers}).request(t).Trace; got != want {
			t.Errorf("%q: %q, want %q", headers, got, want)
		}
	}
}

func TestNamesLeaveAddressesOut(t *testing.T) {
	x := Build([]*trafficpb.Record{
		call{line: "GET /", host: "b"}.record(t, ""), call{line: "GET /", host: "10.1.2.3"}.record(t, ""), call{line: "GET /", host: "a"}.record(t, ""),
		call{line: "GET /2", host: "B"}.record(t, ""),
	})
	if diff := cmp.Diff(map[string][]uint16{"a": {9898}, "b": {9898}}, x.Ports()); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// A workload may send a secret itself, or the token that it got for it from a played dependency; what was recorded has the token.
func TestSecretsMatchTheirTokens(t *testing.T) {
	live := call{line: "POST /users/bob@example.com?token=s3cret", kind: "application/json", body: `{"password":"hunter2","card":4111111111111111}`}
	recorded := live.record(t, "yes")
	key := []byte("0123456789abcdef")
	redact.New(key).Record(recorded)
	for _, secret := range []string{"bob@", "s3cret", "hunter2", "4111111111111111"} {
		if strings.Contains(recorded.String(), secret) {
			t.Fatalf("%s is recorded: %v", secret, recorded)
		}
	}
	redacted, err := FromRecord(recorded)
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]*Request{"live": live.request(t), "token": redacted} {
		index := BuildRedacted([]*trafficpb.Record{recorded}, redact.New(key).Matching())
		if m, ok := index.Claim(q); !ok || m.Tier != Exact {
			t.Errorf("%s: %+v, found %v", name, m, ok)
		}
	}
	other := live
	other.body = `{"password":"other","card":4111111111111111}`
	if _, ok := BuildRedacted([]*trafficpb.Record{recorded}, redact.New(key).Matching()).Claim(other.request(t)); ok {
		t.Error("another password is the same call")
	}
	packed, err := coding.Encode("gzip", []byte(live.body))
	if err != nil {
		t.Fatal(err)
	}
	live.headers, live.body = "Content-Encoding: gzip\r\n", string(packed)
	if _, ok := BuildRedacted([]*trafficpb.Record{recorded}, redact.New(key).Matching()).Claim(live.request(t)); !ok {
		t.Error("the compressed body is another call")
	}
}

// A body that was cut is known by its hash, which is hashed with the key where there were secrets.
func TestCutBodiesWithSecretsMatch(t *testing.T) {
	live := call{line: "POST /a", body: "bob@example.com " + strings.Repeat("x", 100)}
	recorded := live.record(t, "yes")
	recorded.Request.Body = recorded.Request.Body[:50]
	recorded.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_REQUEST_TRUNCATED}
	key := []byte("0123456789abcdef")
	redact.New(key).Record(recorded)
	if _, ok := BuildRedacted([]*trafficpb.Record{recorded}, redact.New(key).Matching()).Claim(live.request(t)); !ok {
		t.Error("it is not found")
	}
}
