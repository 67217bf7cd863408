// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/responder/outcome"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	forwarderToken   = "forwarder-token"
	environmentToken = "environment-token"
	testKey          = "front:9898"
)

// forwarder serves one snapshot over gRPC and TLS and keeps what is reported.
type forwarder struct {
	trafficpb.UnimplementedSnapshotsServer
	trafficpb.UnimplementedReplaysServer
	records  []*trafficpb.Record
	manifest trafficpb.Manifest

	mu             sync.Mutex
	manifestErrors []error // of the next manifests
	readErrors     []error // of the next reads
	reads          int
	putErrors      []error // of the next reports
	reports        [][]byte
	lastReplay     *trafficpb.ObjectRef
	progress       []*trafficpb.Progress
	address, ca    string
}

func startForwarder(t testing.TB, records []*trafficpb.Record) *forwarder {
	t.Helper()
	cert, ca := newCertificate(t)
	f := &forwarder{records: records, ca: ca}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	trafficpb.RegisterSnapshotsServer(server, f)
	trafficpb.RegisterReplaysServer(server, f)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	f.address = listener.Addr().String()
	return f
}

func (f *forwarder) GetManifest(context.Context, *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	return &f.manifest, f.next(&f.manifestErrors)
}

func newCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func authorize(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+forwarderToken {
		return status.Error(codes.Unauthenticated, "wrong token")
	}
	return nil
}

// next takes the first of prepared errors, nil when there is none.
func (f *forwarder) next(errs *[]error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (f *forwarder) Read(q *trafficpb.ReadRequest, stream trafficpb.Snapshots_ReadServer) error {
	if err := authorize(stream.Context()); err != nil {
		return err
	}
	f.mu.Lock()
	f.reads++
	f.mu.Unlock()
	if err := f.next(&f.readErrors); err != nil {
		return err
	}
	if q.GetSnapshot().GetUid() != "snapshot-uid" {
		return status.Errorf(codes.NotFound, "no such snapshot: %v", q)
	}
	for _, record := range f.records {
		if record.GetDirection() != q.GetDirection() || len(q.GetKeys()) > 0 && !slices.Contains(q.GetKeys(), traffic.SliceKey(record)) {
			continue
		}
		if err := stream.Send(&trafficpb.ReadResponse{Records: []*trafficpb.Record{record}}); err != nil {
			return err
		}
	}
	return nil
}

func (f *forwarder) PutProgress(ctx context.Context, q *trafficpb.PutProgressRequest) (*trafficpb.PutProgressResponse, error) {
	if err := authorize(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.progress = append(f.progress, q.GetProgress())
	return &trafficpb.PutProgressResponse{}, nil
}

func (f *forwarder) PutReport(stream trafficpb.Replays_PutReportServer) error {
	if err := authorize(stream.Context()); err != nil {
		return err
	}
	if err := f.next(&f.putErrors); err != nil {
		return err
	}
	var data bytes.Buffer
	for first := true; ; first = false {
		chunk, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if first != (chunk.GetReplay() != nil) || len(chunk.GetData()) > 1<<20 {
			return status.Error(codes.InvalidArgument, "bad chunk")
		}
		if first {
			f.lastReplay = chunk.GetReplay()
		}
		data.Write(chunk.GetData())
	}
	f.mu.Lock()
	f.reports = append(f.reports, data.Bytes())
	f.mu.Unlock()
	return stream.SendAndClose(&trafficpb.PutReportResponse{})
}

// controlAPI is the control API of a responder that has no recording and can be spoiled.
type controlAPI struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler]
	calls   atomic.Int64      // of /v1/stats
	onStats func(calls int64) // before each is answered
}

func startControlAPI(t testing.TB) *controlAPI {
	t.Helper()
	r := &controlAPI{onStats: func(int64) {}}
	r.restart(t, "one")
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/v1/stats" {
			r.onStats(r.calls.Add(1))
		}
		(*r.handler.Load()).ServeHTTP(w, q)
	}))
	t.Cleanup(r.Close)
	return r
}

// restart replaces what answers by a new process.
func (r *controlAPI) restart(t testing.TB, instance string) {
	index := match.Build(nil)
	outcomes := outcome.NewLog()
	reporter := outcome.NewReporter(outcomes, index)
	go reporter.Run(t.Context())
	api := control.New(instance, environmentToken, slog.New(slog.DiscardHandler))
	none := func() int64 { return 0 }
	api.Loaded(&control.Play{Outcomes: outcomes, Reporter: reporter, Unused: index.Unused, Rejected: none, Internal: none})
	handler := api.Handler()
	r.handler.Store(&handler)
}

// fail makes every call fail.
func (r *controlAPI) fail() {
	handler := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "broken", http.StatusInternalServerError)
	}))
	r.handler.Store(&handler)
}

// putProxy reports the counters of a proxy to a responder.
func putProxy(t testing.TB, url string, p control.Proxy) {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequest(http.MethodPut, url+"/v1/proxies/"+p.Pod, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+environmentToken)
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("reporting counters: %s", response.Status)
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newSettings(target string) *wiring.ReplaySettings {
	return &wiring.ReplaySettings{
		Snapshot: wiring.Object{Namespace: "shop", Name: "snapshot", UID: "snapshot-uid"},
		Replay:   wiring.Object{Namespace: "shop", Name: "replay", UID: "replay-uid"},
		BuildTag: "v2",
		Tests:    []wiring.TestTarget{{Key: testKey, Address: target}},
		Speed:    1, RequestTimeout: 5, Timeout: 60,
		Headers: []string{"Content-Type", "Location"},
	}
}

func options(t testing.TB, f *forwarder, settings *wiring.ReplaySettings) Options {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Settings: filepath.Join(dir, "settings.json"), Forwarder: f.address, ForwarderCAFile: f.ca,
		ForwarderTokenFile: filepath.Join(dir, "token"), EnvironmentTokenFile: filepath.Join(dir, "environment"),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	writeFile(t, o.Settings, data)
	writeFile(t, o.ForwarderTokenFile, []byte(forwarderToken+"\n"))
	writeFile(t, o.EnvironmentTokenFile, []byte(environmentToken))
	return o
}

// runReplay runs a generator to its end and returns the report that arrived at the forwarder.
func runReplay(t testing.TB, f *forwarder, settings *wiring.ReplaySettings) *report.Report {
	t.Helper()
	if err := Run(t.Context(), options(t, f, settings)); err != nil {
		t.Fatal(err)
	}
	return f.report(t)
}

func (f *forwarder) report(t testing.TB) *report.Report {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.reports) != 1 || f.lastReplay.GetUid() != "replay-uid" {
		t.Fatalf("%d reports arrived for %v, want one", len(f.reports), f.lastReplay)
	}
	r, err := report.Decode(f.reports[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}
