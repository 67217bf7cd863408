// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// TestParserFault makes the parser fail (there is a secret and no redactor): the connection must go on, and the loss be counted.
func TestParserFault(t *testing.T) {
	server := httptest.NewServer(httpbin.New())
	defer server.Close()
	selected, err := selection.New(wiring.NewCaptureSettings("front", nil), "")
	if err != nil {
		t.Fatal(err)
	}
	c := &Capture{
		Workload: "front", Selection: selected, BodyLimit: 1000, Budget: tee.NewBudget(1 << 20), Recorder: recorder.New(1 << 20),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		if conn, err := listener.AcceptTCP(); err == nil {
			c.Outbound(context.Background(), conn, netip.MustParseAddrPort(server.Listener.Addr().String()))
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, last := range []string{"", "", "Connection: close\r\n"} {
		fmt.Fprintf(conn, "GET /uuid HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\n%s\r\n", last)
	}
	answers, err := io.ReadAll(conn)
	if n := strings.Count(string(answers), "200 OK"); err != nil || n != 3 {
		t.Errorf("%d answers, error %v", n, err)
	}
	conn.Close()
	<-handled
	if c.Counts().Panics == 0 || c.Recorder.Lost() == 0 || c.Budget.Used() != 0 {
		t.Errorf("%+v, %d lost, %d bytes held", c.Counts(), c.Recorder.Lost(), c.Budget.Used())
	}
}

func TestTraceparent(t *testing.T) {
	for value, want := range map[string]string{
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "0af7651916cd43dd8448eb211c80319c",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01":  "",
		"00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01": "",
		"garbage": "",
	} {
		if got := traceparent(value); got != want {
			t.Errorf("traceparent(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestHostName(t *testing.T) {
	for host, want := range map[string]string{
		"Back": "back", "Back:9898": "back", "[::1]:80": "::1", "[::1]": "::1", "10.0.0.1:80": "10.0.0.1", "": "",
	} {
		if got := hostName(host); got != want {
			t.Errorf("hostName(%q) = %q, want %q", host, got, want)
		}
	}
}
