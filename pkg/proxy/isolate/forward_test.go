// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// startForward returns the address of the HTTP proxy of a pod without rules.
func startForward(t *testing.T, r *responder) (*Isolate, string) {
	t.Helper()
	proxy, _, _ := start(t, r, func() netip.AddrPort { return netip.AddrPort{} })
	r.await("being ready", func(report) bool { return proxy.Ready() })
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = proxy.ServeForward(t.Context(), listener) }()
	t.Cleanup(func() { listener.Close() })
	return proxy, listener.Addr().String()
}

// ask sends a text to an address and returns what comes back until the end.
func ask(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn) // a connection that is cut is what some want
	return string(answer)
}

func TestConnectIsATunnel(t *testing.T) {
	r := newResponder(t)
	_, address := startForward(t, r)
	// What follows at once is the workload's and not ours.
	answer := ask(t, address, "CONNECT back:9898 HTTP/1.1\r\nHost: back:9898\r\n\r\nping")
	head, rest, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Fatalf("answer %q", answer)
	}
	line, echo, _ := strings.Cut(rest, "\n")
	var hello trafficpb.TunnelHello
	if err := json.Unmarshal([]byte(line), &hello); err != nil {
		t.Fatal(err)
	}
	if hello.GetHost() != "back" || hello.GetPort() != 9898 || echo != "ping" {
		t.Errorf("hello %v, echo %q", &hello, echo)
	}
}

// What is not recorded gets no answer at all, as it would not without a proxy.
func TestForwardRefuses(t *testing.T) {
	r := newResponder(t)
	proxy, address := startForward(t, r)
	for _, request := range []string{
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"CONNECT back:0 HTTP/1.1\r\nHost: back:0\r\n\r\n",
		"CONNECT back HTTP/1.1\r\nHost: back\r\n\r\n",
	} {
		if answer := ask(t, address, request); answer != "" {
			t.Errorf("%q is answered by %q", request, answer)
		}
	}
	if proxy.RefusedNames() != 1 {
		t.Errorf("refused names %v", proxy.names.Refused())
	}
	if answer := ask(t, address, "GET / HTTP/1.1\r\nHost: back\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 400") {
		t.Errorf("a request that is for no proxy is answered by %q", answer)
	}
}

// The responder sees the request that the workload sent.
func TestForwardKeepsRequests(t *testing.T) {
	seen := make(chan *http.Request, 1)
	r := newResponder(t)
	r.handle = func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			t.Error(err)
		}
		seen <- request
		fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	}
	_, address := startForward(t, r)
	answer := ask(t, address, "GET http://back:9898/a?b;c=%zz HTTP/1.1\r\nHost: back:9898\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 204") {
		t.Fatalf("answer %q", answer)
	}
	got := <-seen
	if got.RequestURI != "/a?b;c=%zz" || got.Host != "back:9898" || got.Header.Get("X-Forwarded-For") != "10.0.0.1" || got.Header.Get("User-Agent") != "" {
		t.Errorf("%s of %s with %v", got.RequestURI, got.Host, got.Header)
	}
}
