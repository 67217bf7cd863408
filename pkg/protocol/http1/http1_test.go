// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var limits = Limits{Head: 64 << 10, Body: 1 << 20}

func reader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

func TestReadRequestPipeline(t *testing.T) {
	stream := "\r\nGET /a?b=c HTTP/1.1\r\nHOST: Back\r\nx-odd:   1 \r\n\r\n" +
		"POST /b HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" +
		"POST /c HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n4;ext=\"a\"\r\nwiki\r\n0A\r\npedia12345\r\n0\r\nX-Sum: 9\r\n\r\n" +
		"GET /d HTTP/1.0\n\n"
	// One byte a read finds every place where a message may be cut.
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(stream), "by byte": iotest.OneByteReader(strings.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			br := bufio.NewReaderSize(r, 16)
			var got []*Message
			for {
				m, err := ReadRequest(br, limits)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m)
			}
			if len(got) != 4 {
				t.Fatalf("got %d requests, want 4", len(got))
			}
			if a := got[0]; a.Method != "GET" || a.Target != "/a?b=c" || a.Get("host") != "Back" || a.Close || a.BodySHA256 != nil ||
				string(a.Head) != "GET /a?b=c HTTP/1.1\r\nHOST: Back\r\nx-odd:   1 \r\n\r\n" {
				t.Errorf("first: %+v", a)
			}
			if diff := cmp.Diff([]Header{{"HOST", "Back"}, {"x-odd", "1"}}, got[0].Headers); diff != "" {
				t.Error(diff)
			}
			sum := sha256.Sum256([]byte("hello"))
			if b := got[1]; string(b.Body) != "hello" || !b.Expect100 || b.BodyLength != 5 || !bytes.Equal(b.BodySHA256, sum[:]) {
				t.Errorf("second: %+v", b)
			}
			if c := got[2]; string(c.Body) != "wikipedia12345"[:4]+"pedia12345" || len(c.Trailers) != 1 || c.Trailers[0] != (Header{"X-Sum", "9"}) {
				t.Errorf("third: %+v", c)
			}
			if d := got[3]; d.Proto != "HTTP/1.0" || !d.Close {
				t.Errorf("fourth: %+v", d)
			}
		})
	}
}

func TestReadResponse(t *testing.T) {
	for _, c := range []struct {
		name, method, stream, body string
		status                     int
		closes, upgrade            bool
		rest                       string
	}{
		{name: "sized", method: "GET", stream: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokNEXT", status: 200, body: "ok", rest: "NEXT"},
		{name: "interim", method: "POST", stream: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", status: 201, body: "x"},
		{name: "head", method: "HEAD", stream: "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nNEXT", status: 200, rest: "NEXT"},
		{name: "204", method: "GET", stream: "HTTP/1.1 204 No Content\r\n\r\nNEXT", status: 204, rest: "NEXT"},
		{name: "304", method: "GET", stream: "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\nNEXT", status: 304, rest: "NEXT"},
		{name: "until the end", method: "GET", stream: "HTTP/1.1 200 OK\r\n\r\nall of it", status: 200, body: "all of it", closes: true},
		{name: "1.0 keep-alive", method: "GET", stream: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\nN", status: 200, rest: "N"},
		{name: "close", method: "GET", stream: "HTTP/1.1 200\r\nConnection: foo, close\r\nContent-Length: 0\r\n\r\n", status: 200, closes: true},
		{name: "101", method: "GET", stream: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nopaque", status: 101, upgrade: true, rest: "opaque"},
		{name: "connect", method: "CONNECT", stream: "HTTP/1.1 200 OK\r\n\r\nopaque", status: 200, upgrade: true, rest: "opaque"},
		{name: "chunked", method: "GET", stream: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nN", status: 200, body: "a", rest: "N"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reader(c.stream)
			m, err := ReadResponse(r, c.method, limits)
			if err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(r)
			if m.Status != c.status || string(m.Body) != c.body || m.Close != c.closes || m.Upgrade != c.upgrade || string(rest) != c.rest {
				t.Errorf("got status %d body %q close %v upgrade %v rest %q", m.Status, m.Body, m.Close, m.Upgrade, rest)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for name, stream := range map[string]string{
		"both lengths":         "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":          "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
		"list of lengths":      "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc",
		"signed length":        "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
		"negative length":      "POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc",
		"empty length":         "POST / HTTP/1.1\r\nContent-Length:\r\n\r\nabc",
		"huge length":          "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
		"other coding":         "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"coding twice":         "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"coding in 1.0":        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"space before colon":   "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"folded line":          "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"bare return":          "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
		"nul":                  "GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
		"no colon":             "GET / HTTP/1.1\r\nAbc\r\n\r\n",
		"target with space":    "GET /a b HTTP/1.1\r\n\r\n",
		"version":              "GET / HTTP/1.2\r\n\r\n",
		"preface of h2":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"chunk size sign":      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n",
		"chunk size prefix":    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
		"chunk size space":     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
		"chunk size overflow":  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\na\r\n0\r\n\r\n",
		"chunk size empty":     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n",
		"chunk size line feed": "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
		"chunk too long":       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
		"chunk line too long":  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 5000) + "\r\na\r\n0\r\n\r\n",
		"bad trailer":          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b: c\r\n\r\n",
	} {
		if m, err := ReadRequest(reader(stream), limits); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %+v, error %v, want malformed", name, m, err)
		}
	}
	for name, stream := range map[string]string{
		"status":       "HTTP/1.1 20 OK\r\n\r\n",
		"sign":         "HTTP/1.1 +20 OK\r\n\r\n",
		"protocol":     "ICY 200 OK\r\n\r\n",
		"both lengths": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"interim":      strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100),
	} {
		if m, err := ReadResponse(reader(stream), "GET", limits); !errors.Is(err, ErrMalformed) {
			t.Errorf("response, %s: got %+v, error %v, want malformed", name, m, err)
		}
	}
}

func TestEndOfStream(t *testing.T) {
	stream := "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\nA: b\r\n\r\n"
	for cut := range len(stream) {
		_, err := ReadRequest(reader(stream[:cut]), limits)
		want := io.ErrUnexpectedEOF
		if cut == 0 {
			want = io.EOF
		}
		if err != want {
			t.Errorf("cut at %d: error %v, want %v", cut, err, want)
		}
	}
	m, err := ReadRequest(reader(stream[:strings.Index(stream, "ki\r\n")]), limits)
	if err != io.ErrUnexpectedEOF || m == nil || string(m.Body) != "wi" || m.BodyLength != 2 {
		t.Errorf("a body that is cut off: %+v, %v", m, err)
	}
	if m, err := ReadResponse(reader("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "GET", limits); err != io.ErrUnexpectedEOF || string(m.Body) != "ab" {
		t.Errorf("a response that is cut off: %+v, %v", m, err)
	}
}

func TestLimits(t *testing.T) {
	body := strings.Repeat("0123456789", 5000)
	stream := "POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + body + "GET /next HTTP/1.1\r\n\r\n"
	for name, c := range map[string]struct {
		limits Limits
		kept   int
	}{
		"whole":    {Limits{Head: 100, Body: 50000}, 50000},
		"cut":      {Limits{Head: 100, Body: 49999}, 49999},
		"nothing":  {Limits{Head: 100, Body: 0}, 0},
		"reserved": {Limits{Head: 100, Body: 50000, Reserve: func(int64) bool { return false }}, 0},
	} {
		r := reader(stream)
		m, err := ReadRequest(r, c.limits)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(body))
		if len(m.Body) != c.kept || m.Truncated != (c.kept < 50000) || m.BodyLength != 50000 || !bytes.Equal(m.BodySHA256, sum[:]) {
			t.Errorf("%s: kept %d truncated %v length %d", name, len(m.Body), m.Truncated, m.BodyLength)
		}
		if next, err := ReadRequest(r, c.limits); err != nil || next.Target != "/next" {
			t.Errorf("%s: the next request: %+v, %v", name, next, err)
		}
	}
	if _, err := ReadRequest(reader("GET / HTTP/1.1\r\nA: "+strings.Repeat("a", 200)+"\r\n\r\n"), Limits{Head: 100}); !errors.Is(err, ErrHeadTooLong) {
		t.Errorf("long head: %v", err)
	}
	if _, err := ReadRequest(bufio.NewReader(endless('a')), Limits{Head: 1 << 20}); !errors.Is(err, ErrHeadTooLong) {
		t.Errorf("endless line: %v", err)
	}
}

func TestReserveIsBounded(t *testing.T) {
	var reserved int64
	l := Limits{Head: 1000, Body: 1 << 20, Reserve: func(n int64) bool { reserved += n; return true }}
	chunk := "2000\r\n" + strings.Repeat("x", 0x2000) + "\r\n"
	m, err := ReadRequest(reader("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 200)+"0\r\n\r\n"), l)
	if err != nil || !m.Truncated || len(m.Body) != 1<<20 {
		t.Fatalf("kept %d, error %v", len(m.Body), err)
	}
	if int64(cap(m.Body)) > reserved+freeBody || reserved > 1<<20 {
		t.Errorf("reserved %d for a buffer of %d", reserved, cap(m.Body))
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestDetect(t *testing.T) {
	for first, want := range map[string]Verdict{
		"":                                 Undecided,
		"GE":                               Undecided,
		"GET ":                             Undecided,
		"GET /a":                           Undecided,
		"GET /a HTTP/1.1\r":                Undecided,
		"GET /a HTTP/1.1\r\n":              Yes,
		"\r\nGET /a HTTP/1.0\n":            Yes,
		"CONNECT a:443 HTTP/1.1\r\n":       Yes,
		"OPTIONS * HTTP/1.1\r\n":           Yes,
		"GET http://a/ HTTP/1.1\r\n":       Yes,
		"GET key\r\n":                      No,
		"SET /key\r\n":                     No,
		"PRI * HTTP/2.0\r\n":               No,
		"EHLO a":                           No,
		"\x16\x03\x01\x02":                 No,
		"*1\r\n$4\r\nPING\r\n":             No,
		strings.Repeat("A", 25):            No,
		"GET /" + strings.Repeat("a", 5e3): Yes,
	} {
		if got := Detect([]byte(first)); got != want {
			t.Errorf("Detect(%.40q) = %v, want %v", first, got, want)
		}
	}
}
