// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

var fuzzLimits = Limits{Head: 4096, Body: 1024}

func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n"))
	f.Add([]byte("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nwiki\r\n0\r\nA: b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		m, err := ReadRequest(bufio.NewReader(bytes.NewReader(stream)), fuzzLimits)
		if err != nil {
			return
		}
		if Detect(stream) == No && len(m.Method) <= maxMethod && strings.IndexByte("/*hH", m.Target[0]) >= 0 {
			t.Errorf("%q was read but not detected", stream)
		}
		if m.Truncated {
			return
		}
		checkAgainstNetHTTP(t, m, stream)
		again, err := ReadRequest(bufio.NewReader(bytes.NewReader(AppendMessage(nil, m.Head, m.Body))), fuzzLimits)
		if err != nil || !bytes.Equal(again.Body, m.Body) || again.Method != m.Method || again.Target != m.Target {
			t.Errorf("written again: %+v, %v", again, err)
		}
	})
}

// checkAgainstNetHTTP looks for messages that the two readers understand differently: that is how requests are smuggled.
func checkAgainstNetHTTP(t *testing.T, m *Message, stream []byte) {
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(stream, "\r\n"))))
	if err != nil || theirs.Method == "PRI" {
		return // stricter than ours, in URLs for one
	}
	body, err := io.ReadAll(theirs.Body)
	if err != nil {
		return
	}
	if theirs.Method != m.Method || theirs.RequestURI != m.Target || !bytes.Equal(body, m.Body) {
		t.Errorf("%q: %s %s %q; net/http: %s %s %q", stream, m.Method, m.Target, m.Body, theirs.Method, theirs.RequestURI, body)
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "GET")
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"), "POST")
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nuntil the end"), "GET")
	f.Fuzz(func(t *testing.T, stream []byte, method string) {
		m, err := ReadResponse(bufio.NewReader(bytes.NewReader(stream)), method, fuzzLimits)
		if err != nil || m.Truncated || m.Upgrade || method == "HEAD" {
			return
		}
		again, err := ReadResponse(bufio.NewReader(bytes.NewReader(AppendMessage(nil, m.Head, m.Body))), method, Limits{Head: 8192, Body: 1024})
		if err != nil || !bytes.Equal(again.Body, m.Body) || again.Status != m.Status {
			t.Errorf("written again: %+v, %v", again, err)
		}
	})
}
