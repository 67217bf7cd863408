// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //lint:ignore SA1019 no other server that is a package still takes "Upgrade: h2c"
	"golang.org/x/net/http2/hpack"

	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/test/peer"
)

// startH2C serves HTTP/2 without TLS, also for connections that begin as HTTP/1.
func startH2C(t *testing.T, handler http.Handler) string {
	t.Helper()
	//lint:ignore SA1019 net/http itself does not take the upgrade from HTTP/1, which is tested here too
	server := httptest.NewServer(h2c.NewHandler(handler, &http2.Server{}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// echoWithTrailers answers with the body of the request and trailers.
func echoWithTrailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "Sum")
	w.WriteHeader(http.StatusEarlyHints)
	body, _ := io.ReadAll(r.Body)
	_, _ = w.Write(body)
	w.Header().Set("Sum", fmt.Sprint(len(body)))
}

// through returns what dials an address by way of the proxy's outbound port.
func (r *rig) through(to string) func(context.Context, string) (net.Conn, error) {
	target := netip.MustParseAddrPort(to)
	return func(ctx context.Context, _ string) (net.Conn, error) {
		r.to.Store(&target)
		var d net.Dialer
		return d.DialContext(ctx, "tcp", r.outbound)
	}
}

func (r *rig) http2Client(t *testing.T, to string) *http.Client {
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	dial := r.through(to)
	transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) }
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestHTTP2IsRecorded(t *testing.T) {
	r, server := newRig(t, nil), startH2C(t, http.HandlerFunc(echoWithTrailers))
	client := r.http2Client(t, server)
	large := strings.Repeat("0123456789abcdef", 20000)
	for i, body := range []string{"first", large, ""} {
		request, _ := http.NewRequest("POST", fmt.Sprintf("http://Back.example:81/echo/%d?q=1", i), strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer s3cret")
		request.Header.Set("X-Request-Id", "trace-1")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		if string(got) != body || response.Trailer.Get("Sum") != fmt.Sprint(len(body)) {
			t.Errorf("the client got %d bytes and trailers %v", len(got), response.Trailer)
		}
	}
	var connection string
	for i, body := range []string{"first", large, ""} {
		got := r.operation(t, fmt.Sprintf("POST /echo/%d", i))
		if got.GetProtocol() != "http/2" || got.GetScheme() != "http" || got.GetStream() != uint32(2*i+1) || got.GetOrdinal() != uint64(i) ||
			got.GetStatus() != 200 || got.GetHost() != "back.example" || got.GetTraceId() != "trace-1" || len(got.GetDefects()) > 0 || got.GetFailure() != "" {
			t.Errorf("record: %v", got)
		}
		if string(got.GetRequest().GetBody()) != body || string(got.GetResponse().GetBody()) != body {
			t.Errorf("bodies have %d and %d bytes", len(got.GetRequest().GetBody()), len(got.GetResponse().GetBody()))
		}
		head := string(got.GetRequest().GetHead())
		if !strings.HasPrefix(head, fmt.Sprintf("POST /echo/%d?q=1 HTTP/2\r\nhost: Back.example:81\r\n", i)) || !strings.HasSuffix(head, "\r\n\r\n") ||
			strings.Contains(head, "s3cret") || !strings.Contains(head, "\r\nauthorization: Bearer restage-") {
			t.Errorf("head %q", head)
		}
		if head := string(got.GetResponse().GetHead()); !strings.HasPrefix(head, "HTTP/2 200\r\n") {
			t.Errorf("head %q", head)
		}
		if trailers := string(got.GetResponse().GetTrailers()); trailers != fmt.Sprintf("sum: %d\r\n", len(body)) {
			t.Errorf("trailers %q", trailers)
		}
		if q, a := got.GetRequest(), got.GetResponse(); q.GetFirstByte() == 0 || q.GetLastByte() < q.GetFirstByte() || a.GetLastByte() < q.GetLastByte() || a.GetFirstByte() < q.GetFirstByte() {
			t.Errorf("times %v %v", q.GetFirstByte(), a.GetLastByte())
		}
		if connection != "" && connection != got.GetConnection() {
			t.Errorf("another connection: %s and %s", connection, got.GetConnection())
		}
		connection = got.GetConnection()
	}
}

// TestStreamsEndOutOfOrder checks that an exchange is recorded when it ends, whatever else is open on its connection.
func TestStreamsEndOutOfOrder(t *testing.T) {
	release := make(chan struct{})
	r, server := newRig(t, nil), startH2C(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.(http.Flusher).Flush()
			<-release
		}
	}))
	client := r.http2Client(t, server)
	slow, err := client.Get("http://back/slow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get("http://back/fast"); err != nil {
		t.Fatal(err)
	}
	fast := r.operation(t, "GET /fast")
	if n := r.count(); n != 1 {
		t.Errorf("%d records while the first call is open", n)
	}
	close(release)
	if _, err := io.Copy(io.Discard, slow.Body); err != nil {
		t.Fatal(err)
	}
	if got := r.operation(t, "GET /slow"); got.GetConnection() != fast.GetConnection() || got.GetOrdinal() != 0 || fast.GetOrdinal() != 1 {
		t.Errorf("records %v and %v", got, fast)
	}
}

// TestResetStreams: each side may end a stream before its end, and the others go on.
func TestResetStreams(t *testing.T) {
	r, server := newRig(t, nil), startH2C(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/enough" {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		}
		w.(http.Flusher).Flush()
		switch r.URL.Path {
		case "/enough":
			<-r.Context().Done()
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/cancel":
			<-r.Context().Done()
		}
	}))
	client := r.http2Client(t, server)
	if response, err := client.Get("http://back/abort"); err == nil {
		if _, err = io.ReadAll(response.Body); err == nil {
			t.Error("the server did not abort")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, "GET", "http://back/cancel", nil)
	if _, err := client.Do(request); err != nil {
		t.Fatal(err)
	}
	cancel()
	got := r.operation(t, "GET /abort")
	if got.GetFailure() != "stream reset: INTERNAL_ERROR" || len(got.GetDefects()) != 1 || got.GetDefects()[0] != trafficpb.Defect_DEFECT_CUT_OFF {
		t.Errorf("record: %v", got)
	}
	got = r.operation(t, "GET /cancel")
	if got.GetFailure() != "" || len(got.GetDefects()) != 1 || got.GetDefects()[0] != trafficpb.Defect_DEFECT_CUT_OFF {
		t.Errorf("record: %v", got)
	}
	// A client that has all that was promised need not wait for the end of the stream.
	response, err := client.Get("http://back/enough")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if enough := r.operation(t, "GET /enough"); len(enough.GetDefects()) > 0 || string(enough.GetResponse().GetBody()) != "hello" {
		t.Errorf("record: %v", enough)
	}
	if _, err := client.Get("http://back/after"); err != nil {
		t.Fatal(err)
	}
	if after := r.operation(t, "GET /after"); after.GetConnection() != got.GetConnection() || len(after.GetDefects()) > 0 {
		t.Errorf("record: %v", after)
	}
}

// TestCurlHTTP2 has another implementation as client, with prior knowledge and by an upgrade.
func TestCurlHTTP2(t *testing.T) {
	peer.Need(t, "curl", "curl")
	r, server := newRig(t, nil), startH2C(t, http.HandlerFunc(echoWithTrailers))
	target := netip.MustParseAddrPort(server)
	r.to.Store(&target)
	for _, option := range []string{"--http2-prior-knowledge", "--http2"} {
		for _, body := range []string{"", "some text"} {
			path := "/curl" + option + "/" + fmt.Sprint(len(body))
			arguments := []string{"-sS", "--max-time", "20", option, "-H", "Host: back", "http://" + r.outbound + path}
			if body != "" {
				arguments = append(arguments, "--data-binary", body)
			}
			out, err := exec.CommandContext(t.Context(), "curl", arguments...).CombinedOutput()
			if err != nil || string(out) != body {
				t.Fatalf("%s: %q, %v", option, out, err)
			}
			method := "GET "
			if body != "" {
				method = "POST "
			}
			got := r.operation(t, method+path)
			if got.GetProtocol() != "http/2" || got.GetStream() != 1 || got.GetHost() != "back" || string(got.GetRequest().GetBody()) != body ||
				string(got.GetResponse().GetBody()) != body || got.GetStatus() != 200 || len(got.GetDefects()) > 0 {
				t.Errorf("%s: record %v", option, got)
			}
		}
	}
	if n := r.count(); n != 4 {
		t.Errorf("%d records, want 4: the answer that upgrades is none", n)
	}
}

func TestGRPCIsRecorded(t *testing.T) {
	r, server := newRig(t, nil), grpctest.Serve(t)
	want, err := grpctest.CallAll(t.Context(), grpctest.Client(t, "orders:50051", r.through(server)), "seed")
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 9 {
		t.Fatalf("got %q", want)
	}
	const service = "POST /grpc.testing.TestService/"
	for _, c := range []struct {
		operation         string
		status            uint32
		requests, answers int // messages; 0 for those of which no pieces are kept
	}{
		{"UnaryCall", 0, 0, 0}, {"UnaryCall", 5, 0, 0}, {"StreamingOutputCall", 0, 0, 3}, {"StreamingInputCall", 0, 3, 0}, {"FullDuplexCall", 0, 3, 3},
	} {
		got := r.find(t, c.operation, func(r *trafficpb.Record) bool {
			return r.GetOperation() == service+c.operation && r.GetGrpcStatus() == c.status
		})
		q, a := got.GetRequest(), got.GetResponse()
		if got.GetProtocol() != "grpc" || got.GetStatus() != 200 || got.GetHost() != "orders" || len(got.GetDefects()) > 0 || got.GetFailure() != "" {
			t.Errorf("%s: %v", c.operation, got)
		}
		if len(q.GetPieces()) != c.requests || len(a.GetPieces()) != c.answers {
			t.Errorf("%s: pieces %v and %v", c.operation, q.GetPieces(), a.GetPieces())
		}
		for _, m := range []*trafficpb.Message{q, a} {
			before := m.GetFirstByte()
			for _, p := range m.GetPieces() {
				if p.GetAt() < before || p.GetAt() > m.GetLastByte() {
					t.Errorf("%s: a piece at %d, after %d", c.operation, p.GetAt(), before)
				}
				before = p.GetAt()
			}
			if n := len(m.GetPieces()); n > 0 && m.GetPieces()[n-1].GetEnd() != m.GetBodyLength() {
				t.Errorf("%s: the pieces end at %d of %d", c.operation, m.GetPieces()[n-1].GetEnd(), m.GetBodyLength())
			}
		}
		fields := append(a.GetHead(), a.GetTrailers()...)
		if !bytes.Contains(fields, fmt.Appendf(nil, "grpc-status: %d\r\n", c.status)) {
			t.Errorf("%s: %q", c.operation, fields)
		}
	}
}

// TestBrokenHTTP2 is about bytes that are not what they begin as: the connection goes on, and the loss is counted.
func TestBrokenHTTP2(t *testing.T) {
	r := newRig(t, nil)
	server := serveOnce(t, func(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) })
	conn := r.dial(t, r.outbound, server).(*net.TCPConn)
	sent := []byte(http2.ClientPreface + "\x00\x00\x01\x09\x04\x00\x00\x00\x01x and more")
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the client got %q, %v", got, err)
	}
	r.loss(t, "malformed message")
}

// TestOneBadStream sends a head that cannot be written as text: that exchange is lost, and the next is recorded.
func TestOneBadStream(t *testing.T) {
	r := newRig(t, nil)
	server := serveOnce(t, func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
	conn := r.dial(t, r.outbound, server)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	framer := http2.NewFramer(conn, nil)
	fmt.Fprint(conn, http2.ClientPreface)
	_ = framer.WriteSettings()
	for i, value := range []string{"a\r\nb: c", "good"} {
		stream := uint32(2*i + 1)
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", "/" + fmt.Sprint(stream)}, {":authority", "back"}, {"x", value}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		// In two frames, of which the first is padded.
		half := block.Len() / 2
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes()[:half], EndStream: true, PadLength: 9}); err != nil {
			t.Fatal(err)
		}
		if err := framer.WriteContinuation(stream, true, block.Bytes()[half:]); err != nil {
			t.Fatal(err)
		}
		if stream == 1 {
			_ = framer.WriteRSTStream(1, http2.ErrCodeCancel)
		}
	}
	_ = conn.Close()
	got := r.operation(t, "GET /3")
	if head := string(got.GetRequest().GetHead()); head != "GET /3 HTTP/2\r\nhost: back\r\nx: good\r\n\r\n" {
		t.Errorf("head %q", head)
	}
	r.loss(t, "malformed message")
	if n := r.count(); n != 1 {
		t.Errorf("%d records", n)
	}
}

// TestHTTP2ServerSpeaksFirst has a client that waits for the server's settings, and until the proxy has looked at them, before it says
// anything.
func TestHTTP2ServerSpeaksFirst(t *testing.T) {
	r := newRig(t, nil)
	server := serveOnce(t, func(conn *net.TCPConn) {
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 10})
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := frame.(*http2.HeadersFrame); ok {
				_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: []byte{0x88}, EndHeaders: true, EndStream: true}) // :status 200
			}
		}
	})
	conn := r.dial(t, r.outbound, server)
	framer := http2.NewFramer(conn, conn)
	if frame, err := framer.ReadFrame(); err != nil || frame.Header().Type != http2.FrameSettings {
		t.Fatal(frame, err)
	}
	eventually(t, "the parser", func() bool { return strings.Contains(r.scrape(t), "\nrestage_proxy_tee_bytes 0\n") })
	fmt.Fprint(conn, http2.ClientPreface)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", "/late"}, {":authority", "back"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	if got := r.operation(t, "GET /late"); got.GetProtocol() != "http/2" || got.GetStatus() != 200 || len(got.GetDefects()) > 0 || got.GetFailure() != "" {
		t.Errorf("record: %v", got)
	}
}
