// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "testing"

func TestAppendMessage(t *testing.T) {
	for _, c := range []struct{ name, head, body, want string }{
		{"kept", "POST / HTTP/1.1\r\ncontent-length:  2\r\nA: b\r\n\r\n", "hi", "POST / HTTP/1.1\r\ncontent-length:  2\r\nA: b\r\n\r\nhi"},
		{"changed in place", "POST / HTTP/1.1\r\ncontent-length:  2 \r\nA: b\r\n\r\n", "hello", "POST / HTTP/1.1\r\ncontent-length:  5 \r\nA: b\r\n\r\nhello"},
		{"last header", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", "", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
		{"added", "POST / HTTP/1.1\r\nA: b\r\n\r\n", "hello", "POST / HTTP/1.1\r\nA: b\r\nContent-Length: 5\r\n\r\nhello"},
		{"chunked", "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n", "hello, hello, hello", "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n13\r\nhello, hello, hello\r\n0\r\n\r\n"},
		{"chunked and empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"request without body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"response until the end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "all", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nall"},
		{"response until the end, empty", "HTTP/1.1 200 OK\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", "", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
		{"name that ends the same", "POST / HTTP/1.1\r\nX-Content-Length: 9\r\nContent-Length: 1\r\n\r\n", "ab", "POST / HTTP/1.1\r\nX-Content-Length: 9\r\nContent-Length: 2\r\n\r\nab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendMessage([]byte("x"), []byte(c.head), []byte(c.body))); got != "x"+c.want {
				t.Errorf("got  %q\nwant %q", got[1:], c.want)
			}
		})
	}
}

func TestParseHead(t *testing.T) {
	m, err := ParseHead([]byte("GET /a HTTP/1.1\r\nHost: b\r\n\r\n"))
	if err != nil || m.Method != "GET" || m.Get("HOST") != "b" {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = ParseHead([]byte("HTTP/1.1 503 No\r\nConnection: close\r\n\r\n"))
	if err != nil || m.Status != 503 || !m.Close {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n\r\nbody\r\n\r\n", "HTTP/1.1 x\r\n\r\n"} {
		if m, err := ParseHead([]byte(bad)); err == nil {
			t.Errorf("ParseHead(%q) = %+v, want an error", bad, m)
		}
	}
}
