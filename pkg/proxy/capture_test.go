// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// rig is a running proxy in capture mode whose clients say with to where they want to go.
type rig struct {
	*ingest
	to                       atomic.Pointer[netip.AddrPort]
	outbound, inbound, admin string
	stop                     func() error
}

func newRig(t *testing.T, change func(*CaptureConfig)) *rig {
	t.Helper()
	r := &rig{ingest: newIngest(t)}
	listener := func(address *string) *net.TCPListener {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		*address = l.Addr().String()
		return l
	}
	config := CaptureConfig{
		Settings: wiring.NewCaptureSettings("front", nil), Forwarder: r.forwarder(), TeeMemory: 16 << 20, BufferMemory: 32 << 20,
		Outbound: listener(&r.outbound), Inbound: listener(&r.inbound), Admin: listener(&r.admin),
		OriginalDestination: func(*net.TCPConn) (netip.AddrPort, error) { return *r.to.Load(), nil },
	}
	if change != nil {
		change(&config)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- RunCapture(ctx, config, testLog(t)) }()
	r.stop = func() error {
		cancel()
		err := <-done
		done <- nil
		return err
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// dial connects by way of the proxy.
func (r *rig) dial(t *testing.T, proxy, to string) net.Conn {
	t.Helper()
	target := netip.MustParseAddrPort(to)
	r.to.Store(&target)
	conn, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// client is net/http's, whose connections go by way of the proxy's outbound port.
func (r *rig) client(to string) *http.Client {
	target := netip.MustParseAddrPort(to)
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		r.to.Store(&target)
		var d net.Dialer
		return d.DialContext(ctx, "tcp", r.outbound)
	}}}
}

func startHTTPBin(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(httpbin.New())
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestOutboundIsRecorded(t *testing.T) {
	r, bin := newRig(t, nil), startHTTPBin(t)
	client := r.client(bin)
	request, _ := http.NewRequest("POST", "http://Back.example:1234/anything/orders?b=2&a=1", strings.NewReader(`{"n":1}`))
	request.Header.Set("Authorization", "Bearer s3cret")
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	before := time.Now().UnixNano()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !bytes.Contains(body, []byte("Bearer s3cret")) {
		t.Errorf("the server got something else: %s", body)
	}
	if _, err := client.Get("http://Back.example:1234/stream-bytes/100000"); err != nil {
		t.Fatal(err)
	}

	got := r.operation(t, "POST /anything/orders")
	after := time.Now().UnixNano()
	want := netip.MustParseAddrPort(bin)
	if got.GetHost() != "back.example" || got.GetPort() != uint32(want.Port()) || got.GetPeerAddress() != bin || got.GetStatus() != 200 ||
		got.GetDirection() != trafficpb.Direction_DIRECTION_OUTBOUND || got.GetProtocol() != "http/1.1" || got.GetWorkload() != "front" ||
		got.GetTraceId() != "0af7651916cd43dd8448eb211c80319c" || got.GetSession() != got.GetTraceId() || len(got.GetDefects()) > 0 || got.GetFailure() != "" {
		t.Errorf("record: %v", got)
	}
	// The server says what headers it got, so that the credentials are in the body too, under the same token.
	_, token, _ := bytes.Cut(got.GetRequest().GetHead(), []byte("Authorization: Bearer "))
	token, _, _ = bytes.Cut(token, []byte("\r"))
	redacted := bytes.ReplaceAll(body, []byte("s3cret"), token)
	if string(got.GetRequest().GetBody()) != `{"n":1}` || !bytes.Equal(got.GetResponse().GetBody(), redacted) {
		t.Errorf("bodies %q and %q", got.GetRequest().GetBody(), got.GetResponse().GetBody())
	}
	for _, m := range []*trafficpb.Message{got.GetRequest(), got.GetResponse()} { // one that is as it was, one that is redacted
		if sum := sha256.Sum256(m.GetBody()); !bytes.Equal(m.GetBodySha256(), sum[:]) {
			t.Errorf("the hash of %q is %x", m.GetBody(), m.GetBodySha256())
		}
	}
	times := []int64{before, got.GetRequest().GetFirstByte(), got.GetRequest().GetLastByte(), got.GetResponse().GetFirstByte(), got.GetResponse().GetLastByte(), after}
	if !slices.IsSorted(times) {
		t.Errorf("times are out of order: %v", times)
	}
	if bytes.Contains(got.GetRequest().GetHead(), []byte("s3cret")) || !bytes.Contains(got.GetRequest().GetHead(), []byte("Authorization: Bearer "+redact.Prefix)) ||
		!slices.Contains(got.GetRedacted(), "request.header.authorization") {
		t.Errorf("not redacted: %q, %v", got.GetRequest().GetHead(), got.GetRedacted())
	}
	second := r.operation(t, "GET /stream-bytes/100000")
	if second.GetResponse().GetBodyLength() != 100000 || second.GetConnection() != got.GetConnection() || second.GetOrdinal() != 1 || second.GetSequence() <= got.GetSequence() {
		t.Errorf("second record: length %d, connection %s, ordinal %d", second.GetResponse().GetBodyLength(), second.GetConnection(), second.GetOrdinal())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.tokens, []string{"Bearer the token"}) {
		t.Errorf("tokens shown to the forwarder: %q", r.tokens)
	}
}

func TestInboundIsRecorded(t *testing.T) {
	bin := startHTTPBin(t)
	port := netip.MustParseAddrPort(bin).Port()
	r := newRig(t, func(c *CaptureConfig) { c.Settings.Ports = []uint16{port} })
	conn := r.dial(t, r.inbound, bin)
	// Pipelined, with chunks, an expectation, and a probe of the kubelet.
	fmt.Fprint(conn, "GET /get HTTP/1.1\r\nhOsT: x\r\nX-Request-Id: id-1\r\n\r\n"+
		"GET /status/200 HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.37\r\n\r\n"+
		"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+
		"PUT /put HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	answers := bufio.NewReader(conn)
	for _, want := range []int{200, 200, 200, 200} {
		m, err := http1.ReadResponse(answers, "GET", http1.Limits{Head: 1 << 16, Body: 1 << 20})
		if err != nil || m.Status != want {
			t.Fatalf("answer %+v, error %v", m, err)
		}
	}
	last := r.operation(t, "PUT /put")
	if last.GetOrdinal() != 3 || string(last.GetRequest().GetBody()) != "hi" || last.GetPeerAddress() != conn.LocalAddr().String() || last.GetPort() != uint32(port) ||
		last.GetDirection() != trafficpb.Direction_DIRECTION_INBOUND {
		t.Errorf("last record: %v", last)
	}
	if got := r.operation(t, "GET /get"); got.GetTraceId() != "id-1" || !bytes.HasPrefix(got.GetRequest().GetHead(), []byte("GET /get HTTP/1.1\r\nhOsT: x\r\n")) {
		t.Errorf("first record: %v", got)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if n := r.count(); n != 3 {
		t.Errorf("%d records, want 3 without the probe", n)
	}
}

func TestRefusedDestination(t *testing.T) {
	r := newRig(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	listener.Close()
	_, err = r.client(gone).Get("http://back:9898/echo?x=1")
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v, want a reset", err)
	}
	got := r.operation(t, "GET /echo")
	if got.GetFailure() != "connect: connection refused" || got.GetStatus() != 0 || got.GetResponse() != nil || got.GetHost() != "back" || len(got.GetDefects()) > 0 {
		t.Errorf("record: %v", got)
	}
	// Who says nothing is recorded too.
	conn := r.dial(t, r.outbound, gone)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v, want a reset", err)
	}
	opaque := r.find(t, "an opaque failure", func(r *trafficpb.Record) bool { return r.GetProtocol() == "opaque" })
	if opaque.GetFailure() != "connect: connection refused" {
		t.Errorf("record: %v", opaque)
	}
}

func TestServerFailures(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		name, answer string
		reset        bool
		failure      string
		defects      []trafficpb.Defect
	}{
		{"eof", "", false, "eof", nil},
		{"reset", "", true, "reset", nil},
		{"cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false, "eof", []trafficpb.Defect{trafficpb.Defect_DEFECT_CUT_OFF}},
		{"garbage", "this is not HTTP\r\n\r\n", false, "", []trafficpb.Defect{trafficpb.Defect_DEFECT_PARSE_ERROR}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serveOnce(t, func(conn *net.TCPConn) {
				_, _ = http1.ReadRequest(bufio.NewReader(conn), http1.Limits{Head: 1 << 16})
				_, _ = io.WriteString(conn, c.answer)
				if c.reset {
					_ = conn.SetLinger(0)
				}
			})
			conn := r.dial(t, r.outbound, server)
			fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", c.name)
			answer, err := io.ReadAll(conn)
			if string(answer) != c.answer || errors.Is(err, syscall.ECONNRESET) != c.reset {
				t.Errorf("the client got %q and error %v", answer, err)
			}
			got := r.operation(t, "GET /"+c.name)
			if got.GetFailure() != c.failure || !slices.Equal(got.GetDefects(), c.defects) {
				t.Errorf("failure %q, defects %v", got.GetFailure(), got.GetDefects())
			}
		})
	}
	r.loss(t, "malformed message")
}

func TestUpgradeBecomesOpaque(t *testing.T) {
	r := newRig(t, nil)
	server := serveOnce(t, func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		_, _ = http1.ReadRequest(in, http1.Limits{Head: 1 << 16})
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(conn, in)
	})
	conn := r.dial(t, r.outbound, server).(*net.TCPConn)
	fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	if m, err := http1.ReadResponse(in, "GET", http1.Limits{Head: 1 << 16}); err != nil || !m.Upgrade {
		t.Fatalf("%+v, %v", m, err)
	}
	fmt.Fprint(conn, "\x00\x01 not HTTP")
	conn.CloseWrite() // the half-close must reach the server, and its answer come back
	if echo, err := io.ReadAll(in); err != nil || string(echo) != "\x00\x01 not HTTP" {
		t.Fatalf("echo %q, %v", echo, err)
	}
	got := r.find(t, "the opaque part", func(r *trafficpb.Record) bool { return r.GetProtocol() == "opaque" })
	if got.GetOrdinal() != 1 || string(got.GetRequest().GetBody()) != "\x00\x01 not HTTP" || string(got.GetResponse().GetBody()) != "\x00\x01 not HTTP" {
		t.Errorf("record: %v", got)
	}
	if up := r.operation(t, "GET /ws"); up.GetStatus() != 101 || up.GetConnection() != got.GetConnection() {
		t.Errorf("record: %v", up)
	}
}

// TestServerSpeaksFirst has a client that answers in what looks like HTTP, but is not, on a connection like this: at once, and after the proxy has
// looked at what the server said.
func TestServerSpeaksFirst(t *testing.T) {
	for _, when := range []string{"at once", "later"} {
		t.Run(when, func(t *testing.T) {
			r := newRig(t, nil)
			server := serveOnce(t, func(conn *net.TCPConn) {
				_, _ = io.WriteString(conn, "220 mail ready\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
			conn := r.dial(t, r.outbound, server)
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "220 mail ready\r\n" {
				t.Fatal(line, err)
			}
			if when == "later" {
				eventually(t, "the protocol", func() bool {
					return strings.Contains(r.scrape(t), "\nrestage_proxy_connections_parsed_total{protocol=\"opaque\"} 1\n")
				})
			}
			fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\n")
			conn.Close()
			got := r.find(t, "an opaque record", func(r *trafficpb.Record) bool { return r.GetProtocol() == "opaque" })
			if string(got.GetResponse().GetBody()) != "220 mail ready\r\n" || got.GetRequest().GetBodyLength() != 18 || got.GetHost() != "127.0.0.1" || got.GetOperation() != "" {
				t.Errorf("record: %v", got)
			}
		})
	}
}

// serveOnce serves one connection and closes it; it returns the address.
func serveOnce(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.AcceptTCP()
		if err == nil {
			serve(conn)
			conn.Close()
		}
	}()
	return listener.Addr().String()
}
