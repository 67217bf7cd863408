// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// ingest is a gRPC server that keeps what proxies push, as a forwarder would.
type ingest struct {
	trafficpb.UnimplementedIngestServer
	address string
	dir     string // token, ca.crt
	server  *grpc.Server

	mu      sync.Mutex
	records []*trafficpb.Record
	losses  []*trafficpb.Loss
	tokens  []string
	seen    map[uint64]bool // sequences
	repeats int
	// failAfter, when not 0, breaks the stream after so many batches without acknowledging the last.
	failAfter int
}

func newIngest(t *testing.T) *ingest {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveIngest(t, listener)
}

func serveIngest(t *testing.T, listener net.Listener) *ingest {
	t.Helper()
	i := &ingest{dir: t.TempDir(), seen: map[uint64]bool{}}
	certificate := i.writeFiles(t, listener.Addr().(*net.TCPAddr).IP)
	i.address = listener.Addr().String()
	i.server = grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	trafficpb.RegisterIngestServer(i.server, i)
	go i.server.Serve(listener)
	t.Cleanup(i.server.Stop)
	return i
}

func (i *ingest) writeFiles(t *testing.T, ip net.IP) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{ip},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	i.write(t, "ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	i.write(t, "token", "the token\n")
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (i *ingest) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(i.dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (i *ingest) forwarder() recorder.Forwarder {
	return recorder.Forwarder{Address: i.address, TokenFile: filepath.Join(i.dir, "token"), CAFile: filepath.Join(i.dir, "ca.crt")}
}

func (i *ingest) Push(stream trafficpb.Ingest_PushServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	i.mu.Lock()
	i.tokens = append(i.tokens, md.Get("authorization")...)
	i.mu.Unlock()
	for number := uint64(1); ; number++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if request.GetBatch() != number {
			return errors.New("batches have a gap")
		}
		if !i.keep(request) {
			return errors.New("broken by the test")
		}
		if err := stream.Send(&trafficpb.PushResponse{Batch: number}); err != nil {
			return err
		}
	}
}

func (i *ingest) keep(request *trafficpb.PushRequest) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range request.GetRecords() {
		if i.seen[r.GetSequence()] {
			i.repeats++
			continue
		}
		i.seen[r.GetSequence()] = true
		i.records = append(i.records, r)
	}
	i.losses = append(i.losses, request.GetLosses()...)
	if i.failAfter > 0 {
		i.failAfter--
		return i.failAfter > 0
	}
	return true
}

// find waits for the first record that matches.
func (i *ingest) find(t *testing.T, what string, match func(*trafficpb.Record) bool) *trafficpb.Record {
	t.Helper()
	var found *trafficpb.Record
	eventually(t, what, func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		for _, r := range i.records {
			if match(r) {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

func (i *ingest) operation(t *testing.T, operation string) *trafficpb.Record {
	t.Helper()
	return i.find(t, operation, func(r *trafficpb.Record) bool { return r.GetOperation() == operation })
}

func (i *ingest) loss(t *testing.T, reason string) {
	t.Helper()
	eventually(t, "a loss: "+reason, func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		for _, l := range i.losses {
			if l.GetReason() == reason && l.GetCount() > 0 && l.GetFrom() > 0 && l.GetTo() >= l.GetFrom() {
				return true
			}
		}
		return false
	})
}

func (i *ingest) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.records)
}

// eventually polls for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("gave up waiting for %s", what)
		}
	}
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}
