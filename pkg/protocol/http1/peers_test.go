// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/test/peer"
)

// TestAgainstServer sends raw requests to go-httpbin over one connection, reads the answers with this package and
// compares them with what net/http's client makes of the same bytes.
func TestAgainstServer(t *testing.T) {
	server := httptest.NewServer(httpbin.New())
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wire bytes.Buffer
	r := bufio.NewReader(io.TeeReader(conn, &wire))

	requests := []struct{ method, head, body string }{
		{"GET", "GET /get?a=b HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET", "GET /stream/20 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"HEAD", "HEAD /get HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET", "GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET", "GET /status/304 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET", "GET /stream-bytes/300000?chunk_size=7000 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET", "GET /trailers?X-Sum=1 HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n", ""},
		{"POST", "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("body ", 2000)},
		{"POST", "POST /anything HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "changed length"},
		{"POST", "POST /post HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc"},
		{"GET", "GET /gzip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", ""},
	}
	var pipeline []byte
	for _, q := range requests {
		pipeline = AppendMessage(pipeline, []byte(q.head), []byte(q.body))
	}
	go conn.Write(pipeline)
	var got []*Message
	for _, q := range requests {
		m, err := ReadResponse(r, q.method, limits)
		if err != nil {
			t.Fatalf("%q: %v", q.head, err)
		}
		got = append(got, m)
	}
	if _, err := r.ReadByte(); err != io.EOF || !got[len(got)-1].Close {
		t.Errorf("after the last answer: %v, close %v", err, got[len(got)-1].Close)
	}

	again := bufio.NewReader(&wire)
	for i, q := range requests {
		want, err := http.ReadResponse(again, &http.Request{Method: q.method})
		for err == nil && want.StatusCode < 200 {
			want, err = http.ReadResponse(again, &http.Request{Method: q.method})
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatal(err)
		}
		m := got[i]
		if m.Status != want.StatusCode || !bytes.Equal(m.Body, body) || m.BodyLength != int64(len(body)) || len(m.Trailers) != len(want.Trailer) {
			t.Errorf("%q: status %d, %d bytes, trailers %v; net/http: %d, %d bytes, %v", q.head, m.Status, m.BodyLength, m.Trailers, want.StatusCode, len(body), want.Trailer)
		}
		for _, h := range m.Headers {
			// net/http takes the headers about the connection out.
			if !strings.Contains("Transfer-Encoding Trailer Connection", h.Name) && want.Header.Get(h.Name) == "" {
				t.Errorf("%q: net/http has no header %s", q.head, h.Name)
			}
		}
	}
}

// TestAgainstClient serves net/http's client with this package alone.
func TestAgainstClient(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go peer.Serve(listener, echo)
	url := "http://" + listener.Addr().String()
	for _, c := range []struct {
		path, body string
		chunked    bool
	}{{"/sized", "hello", false}, {"/chunked", strings.Repeat("x", 100000), true}, {"/empty", "", false}, {"/close", "bye", false}} {
		var body io.Reader = strings.NewReader(c.body)
		if c.chunked {
			body = io.MultiReader(body) // hides the length
		}
		response, err := http.Post(url+c.path, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf("POST %s %d %s", c.path, len(c.body), c.body); err != nil || string(got) != want {
			t.Errorf("%s: got %.60q, error %v", c.path, got, err)
		}
	}
}

func echo(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		m, err := ReadRequest(r, limits)
		if err != nil {
			return
		}
		head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		if m.Target == "/close" {
			head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
		}
		body := fmt.Appendf(nil, "%s %s %d %s", m.Method, m.Target, m.BodyLength, m.Body)
		if _, err := conn.Write(AppendMessage(nil, []byte(head), body)); err != nil || m.Target == "/close" {
			return
		}
	}
}
