// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	forwarderToken   = "token-of-the-forwarder"
	environmentToken = "token-of-the-environment"
	backPort         = 9898
)

// snapshots serves one snapshot over gRPC and TLS.
type snapshots struct {
	trafficpb.UnimplementedSnapshotsServer
	records  []*trafficpb.Record
	manifest trafficpb.Manifest
	failures atomic.Int32 // of the next reads, in their middle
	address  string
	ca       string
}

func serveSnapshot(t testing.TB, records []*trafficpb.Record, more ...func(*grpc.Server)) *snapshots {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	s := &snapshots{records: records, ca: writeFile(t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})))
	trafficpb.RegisterSnapshotsServer(server, s)
	for _, register := range more {
		register(server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	s.address = listener.Addr().String()
	return s
}

func (s *snapshots) GetManifest(context.Context, *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	return &s.manifest, nil
}

func (s *snapshots) Read(q *trafficpb.ReadRequest, stream trafficpb.Snapshots_ReadServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	if got := md.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+forwarderToken {
		return status.Error(codes.Unauthenticated, "wrong token")
	}
	if q.GetSnapshot().GetUid() != "snapshot-uid" || q.GetDirection() != trafficpb.Direction_DIRECTION_OUTBOUND {
		return status.Errorf(codes.NotFound, "no such snapshot: %v", q)
	}
	for i, r := range s.records {
		if i > 0 && s.failures.Add(-1) >= 0 {
			return status.Error(codes.Unavailable, "the forwarder goes away")
		}
		if len(q.GetKeys()) > 0 && !slices.Contains(q.GetKeys(), traffic.SliceKey(r)) {
			continue
		}
		if err := stream.Send(&trafficpb.ReadResponse{Records: []*trafficpb.Record{r}}); err != nil {
			return err
		}
	}
	return nil
}

// environment is a running responder.
type environment struct {
	t               testing.TB
	tunnel, control string
	stop            context.CancelFunc
	done            chan error
}

func defaultSettings() wiring.PlaySettings {
	return wiring.PlaySettings{
		Snapshot: wiring.Object{Namespace: "shop", Name: "monday", UID: "snapshot-uid"}, OnMiss: "Fail", Latency: "None",
	}
}

func start(t testing.TB, s *snapshots, settings wiring.PlaySettings) *environment {
	t.Helper()
	data, err := json.Marshal(settings)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	e := &environment{t: t, stop: stop, done: make(chan error, 1)}
	listening := make(chan struct{})
	o := Options{
		Settings: writeFile(t, "settings.json", data), Forwarder: s.address, ForwarderCAFile: s.ca,
		ForwarderTokenFile: writeFile(t, "forwarder", []byte(forwarderToken+"\n")), TokenFile: writeFile(t, "token", []byte(environmentToken+"\n")),
		TLSDir:       writeCA(t),
		TunnelListen: "127.0.0.1:0", ControlListen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Listening: func(tunnel, control net.Addr) {
			e.tunnel, e.control = tunnel.String(), control.String()
			close(listening)
		},
	}
	go func() { e.done <- Run(ctx, o) }()
	t.Cleanup(func() {
		stop()
		if err := <-e.done; err != nil {
			t.Errorf("the responder ended with %v", err)
		}
	})
	select {
	case <-listening:
	case err := <-e.done:
		e.done <- err
		t.Fatalf("the responder did not start: %v", err)
	}
	return e
}

// playing starts a responder with records and waits until it is ready.
func playing(t testing.TB, settings wiring.PlaySettings, records ...*trafficpb.Record) *environment {
	t.Helper()
	e := start(t, serveSnapshot(t, records), settings)
	e.waitReady()
	return e
}

func (e *environment) waitReady() {
	e.t.Helper()
	eventually(e.t, "the responder is ready", func() bool { return e.call(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
}

// call calls the control API with a token and returns the status; the answer goes into a value, unless that is nil.
func (e *environment) call(method, path, token string, body []byte, into ...any) int {
	e.t.Helper()
	request, err := http.NewRequest(method, "http://"+e.control+path, bytes.NewReader(body))
	must(e.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	must(e.t, err)
	defer response.Body.Close()
	for _, value := range into {
		must(e.t, json.NewDecoder(response.Body).Decode(value))
	}
	return response.StatusCode
}

// dial opens a connection to host:port as the proxy of an isolated pod does.
func (e *environment) dial(host, address string, port uint32) *net.TCPConn {
	e.t.Helper()
	return e.dialWith(&trafficpb.TunnelHello{Token: environmentToken, Pod: "front-1", Host: host, Address: address, Port: port})
}

func (e *environment) dialWith(hello *trafficpb.TunnelHello) *net.TCPConn {
	e.t.Helper()
	conn, err := net.Dial("tcp", e.tunnel)
	must(e.t, err)
	e.t.Cleanup(func() { _ = conn.Close() })
	data, err := proto.Marshal(hello)
	must(e.t, err)
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...))
	must(e.t, err)
	return conn.(*net.TCPConn)
}

// client is an HTTP client all of whose connections go through the tunnel.
func (e *environment) client() *http.Client {
	transport := &http.Transport{DisableCompression: true, DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		must(e.t, err)
		return e.dial(host, "198.18.0.1", backPort), nil
	}}
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// record sends raw requests to a real server, each on its own connection, and records what passes.
func record(t testing.TB, handler http.Handler, requests ...string) []*trafficpb.Record {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var records []*trafficpb.Record
	for _, raw := range requests {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		first := time.Now().UnixNano()
		_, err = conn.Write([]byte(raw))
		must(t, err)
		sent := time.Now().UnixNano()
		limits := http1.Limits{Head: 64 << 10, Body: 1 << 20}
		request, err := http1.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(raw))), limits)
		must(t, err)
		reader := bufio.NewReader(conn)
		_, err = reader.Peek(1)
		must(t, err)
		answered := time.Now().UnixNano()
		response, err := http1.ReadResponse(reader, request.Method, limits)
		must(t, err)
		must(t, conn.Close())
		r := newRecord("back", request)
		r.Request.FirstByte, r.Request.LastByte = first, sent
		r.Response = &trafficpb.Message{
			Head: response.Head, Body: response.Body, BodyLength: response.BodyLength, BodySha256: response.BodySHA256,
			FirstByte: answered, LastByte: time.Now().UnixNano(),
		}
		r.Status = uint32(response.Status)
		records = append(records, r)
	}
	return records
}

func newRecord(host string, request *http1.Message) *trafficpb.Record {
	return &trafficpb.Record{
		Id: ulid.Make().String(), Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: "http/1.1", Host: host, Port: backPort,
		Operation: request.Method + " " + request.Target,
		Request:   &trafficpb.Message{Head: request.Head, Body: request.Body, BodyLength: request.BodyLength, BodySha256: request.BodySHA256},
	}
}

// failed is the record of a call that ended with a failure.
func failed(t testing.TB, target, failure string) *trafficpb.Record {
	t.Helper()
	m, err := http1.ParseHead([]byte("GET " + target + " HTTP/1.1\r\nHost: back:9898\r\n\r\n"))
	must(t, err)
	r := newRecord("back", m)
	r.Failure = failure
	return r
}

// get is a request in bytes.
func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: back:9898\r\n\r\n" }

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not in time: %s", what)
		}
	}
}
