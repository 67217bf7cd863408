// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/proxy"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

// recordings takes what a proxy records.
type recordings struct {
	trafficpb.UnimplementedIngestServer
	mu      sync.Mutex
	records []*trafficpb.Record
}

func (r *recordings) Push(stream trafficpb.Ingest_PushServer) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.records = append(r.records, request.GetRecords()...)
		r.mu.Unlock()
		if err := stream.Send(&trafficpb.PushResponse{Batch: request.GetBatch()}); err != nil {
			return err
		}
	}
}

type dialer = func(context.Context, string) (net.Conn, error)

// recordedByProxy returns what a real proxy records of the calls to a server that use makes.
func recordedByProxy(t *testing.T, server string, use func(dialer)) []*trafficpb.Record {
	t.Helper()
	taken := &recordings{}
	s := serveSnapshot(t, nil, func(g *grpc.Server) { trafficpb.RegisterIngestServer(g, taken) })
	listen := func() *net.TCPListener {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, err)
		return l
	}
	outbound := listen()
	config := proxy.CaptureConfig{
		Settings: wiring.NewCaptureSettings("front", nil), TeeMemory: 16 << 20, BufferMemory: 32 << 20,
		Forwarder: recorder.Forwarder{Address: s.address, CAFile: s.ca, TokenFile: writeFile(t, "token", []byte(forwarderToken))},
		Outbound:  outbound, Inbound: listen(), Admin: listen(),
		OriginalDestination: func(*net.TCPConn) (netip.AddrPort, error) { return netip.MustParseAddrPort(server), nil },
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- proxy.RunCapture(ctx, config, slog.New(slog.NewTextHandler(t.Output(), nil))) }()
	use(func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", outbound.Addr().String())
	})
	stop()
	must(t, <-done)
	slices.SortFunc(taken.records, func(a, b *trafficpb.Record) int {
		return int(a.GetRequest().GetFirstByte() - b.GetRequest().GetFirstByte())
	})
	return taken.records
}

// tunnel dials host as an isolated workload does.
func (e *environment) tunnelTo(host string, port uint32) dialer {
	return func(context.Context, string) (net.Conn, error) { return e.dial(host, "198.18.0.1", port), nil }
}

// TestGRPCIsPlayed records calls of all kinds with a real client and server, and plays them to a real client.
func TestGRPCIsPlayed(t *testing.T) {
	server := grpctest.Serve(t)
	var want []string
	records := recordedByProxy(t, server, func(dial dialer) {
		var err error
		want, err = grpctest.CallAll(t.Context(), grpctest.Client(t, "orders", dial), "seed")
		must(t, err)
	})
	if len(records) != 5 {
		t.Fatalf("%d records: %v", len(records), records)
	}
	for _, latency := range []string{"None", "Recorded"} {
		settings := defaultSettings()
		settings.Latency = latency
		e := playing(t, settings, records...)
		client := grpctest.Client(t, "orders", e.tunnelTo("orders", records[0].GetPort()))
		got, err := grpctest.CallAll(t.Context(), client, "seed")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: played %q, %v; want %q", latency, got, err, want)
		}
		var trailer metadata.MD
		_, err = client.UnaryCall(t.Context(), &pb.SimpleRequest{Payload: grpctest.Payload("seed")}, grpc.Trailer(&trailer))
		if err != nil || !slices.Equal(trailer.Get("cost"), []string{"7"}) {
			t.Errorf("%s: trailer %v, %v", latency, trailer, err)
		}
		_, err = client.UnaryCall(t.Context(), &pb.SimpleRequest{Payload: grpctest.Payload("another")})
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "does not hold this call: /grpc.testing.TestService/UnaryCall") {
			t.Errorf("%s: a call that was not recorded got %v", latency, err)
		}
		stats := e.stats()
		if stats.Matches.Exact != 6 || stats.Matches.Missed != 1 || stats.Unused != 0 {
			t.Errorf("%s: %+v", latency, stats)
		}
	}
}

// TestHTTP2IsPlayed plays to net/http and to curl, and to a client that speaks HTTP/1.
func TestHTTP2IsPlayed(t *testing.T) {
	peer.Need(t, "curl", "curl")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "Sum")
		w.Header().Set("X-Recorded", "yes")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(append([]byte("got "), body...))
		w.Header().Set("Sum", "9")
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	post := func(dial dialer, version int) (*http.Response, string) {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(version == 1)
		transport.Protocols.SetUnencryptedHTTP2(version == 2)
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) }
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Post("http://back/things?a=1", "application/json", strings.NewReader(`{"b":2}`))
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response, string(body)
	}
	records := recordedByProxy(t, server.Listener.Addr().String(), func(dial dialer) { post(dial, 2) })
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	e := playing(t, defaultSettings(), records...)
	dial := e.tunnelTo("back", records[0].GetPort())
	for _, version := range []int{2, 1} {
		response, body := post(dial, version)
		if response.ProtoMajor != version || response.StatusCode != http.StatusCreated || body != `got {"b":2}` || response.Header.Get("X-Recorded") != "yes" {
			t.Errorf("HTTP/%d: %v, %q", version, response, body)
		}
		if version == 2 && (response.Trailer.Get("Sum") != "9" || len(response.Header.Values("Date")) != 1) {
			t.Errorf("trailers %v, headers %v", response.Trailer, response.Header)
		}
	}
	// curl, through a port that puts the hello before its bytes.
	front, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer front.Close()
	go func() {
		conn, err := front.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		back := e.dial("back", "198.18.0.1", records[0].GetPort())
		go func() { _, _ = io.Copy(back, conn) }()
		_, _ = io.Copy(conn, back)
	}()
	out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "-H", "Host: back",
		"-H", "Content-Type: application/json", "-d", `{ "b": 2 }`, "-w", " %{http_code} %{http_version}",
		"http://"+front.Addr().String()+"/things?a=1").CombinedOutput()
	if err != nil || string(out) != `got {"b":2} 201 2` {
		t.Errorf("curl got %q, %v", out, err)
	}
}

// clientOf returns a client that speaks HTTP/2 in the clear by way of dial.
func clientOf(t *testing.T, dial dialer) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) }
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestEventsOfHTTP2 records server-sent events that the client leaves, and plays them with the times between them.
func TestEventsOfHTTP2(t *testing.T) {
	const event, pause = "data: {\"price\":3}\n\n", 60 * time.Millisecond
	left := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			if i > 0 {
				time.Sleep(pause)
			}
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		left <- struct{}{}
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	// listen hears three events, and leaves.
	listen := func(client *http.Client) time.Duration {
		response, err := client.Get("http://back/events")
		must(t, err)
		defer response.Body.Close()
		body := make([]byte, len(event))
		_, err = io.ReadFull(response.Body, body)
		must(t, err)
		first := time.Now()
		for range 2 {
			_, err = io.ReadFull(response.Body, body)
			must(t, err)
			if string(body) != event {
				t.Errorf("heard %q", body)
			}
		}
		return time.Since(first)
	}
	records := recordedByProxy(t, server.Listener.Addr().String(), func(dial dialer) {
		listen(clientOf(t, dial))
		<-left
	})
	if len(records) != 1 || len(records[0].GetResponse().GetPieces()) != 3 || records[0].GetEndedBy() != "client" || len(records[0].GetDefects()) > 0 {
		t.Fatalf("records %v", records)
	}
	settings := defaultSettings()
	settings.Latency = "Recorded"
	e := playing(t, settings, records...)
	if took := listen(clientOf(t, e.tunnelTo("back", records[0].GetPort()))); took < 2*pause-pause/2 {
		t.Errorf("the events came within %v", took)
	}
}

// TestEventsThatWereNotWaitedFor plays a stream of events that the client left before the first one: it has the head all the same.
func TestEventsThatWereNotWaitedFor(t *testing.T) {
	left := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		left <- struct{}{}
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	listen := func(client *http.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://back/events", nil)
		must(t, err)
		response, err := client.Do(request)
		must(t, err)
		if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("the head says %q", kind)
		}
		must(t, response.Body.Close())
	}
	records := recordedByProxy(t, server.Listener.Addr().String(), func(dial dialer) {
		listen(clientOf(t, dial))
		<-left
	})
	if len(records) != 1 || records[0].GetEndedBy() != "client" || len(records[0].GetDefects()) > 0 {
		t.Fatalf("records %v", records)
	}
	e := playing(t, defaultSettings(), records...)
	listen(clientOf(t, e.tunnelTo("back", records[0].GetPort())))
}

// TestResetsAreRepeated wants a stream to be reset with the code that was recorded, and the others of its connection to go on.
func TestResetsAreRepeated(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	codes := []http2.ErrCode{http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm, http2.ErrCodeInternal}
	records := recordedByProxy(t, server.Listener.Addr().String(), func(dial dialer) {
		client := clientOf(t, dial)
		for _, path := range []string{"/0", "/1", "/2", "/fine"} {
			response, err := client.Get("http://back" + path)
			must(t, err)
			must(t, response.Body.Close())
		}
	})
	if len(records) != 4 {
		t.Fatalf("records %v", records)
	}
	for i, code := range codes {
		records[i].Failure, records[i].Response, records[i].Status = "stream reset: "+code.String(), nil, 0
	}
	e := playing(t, defaultSettings(), records...)
	client := clientOf(t, e.tunnelTo("back", records[0].GetPort()))
	for i, code := range codes {
		_, err := client.Get(fmt.Sprintf("http://back/%d", i))
		var reset http2.StreamError
		if !errors.As(err, &reset) || reset.Code != code {
			t.Errorf("%v, want %v", err, code)
		}
	}
	response, err := client.Get("http://back/fine")
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.Header.Get("Restage-Responder-Stream") != "" {
		t.Errorf("%v", response)
	}
}
