// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package rotation

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/forwarder"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const tlsSecret = "restage-forwarder-tls"

// Records go on coming, each by a connection of its own with the CAs that were known two seconds ago, while the CA changes three
// times. Twice the process that keeps the certificate is another one that has only the Secret, as after a restart.
func TestRecordsGoOn(t *testing.T) {
	t.Parallel()
	host := fake.NewClientset()
	var group sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer group.Wait()
	defer stop()

	var manager atomic.Pointer[certs.Manager]
	restart := func() {
		next := newManager(ctx, t, host)
		group.Go(func() { next.Run(ctx) })
		manager.Store(next)
	}
	restart()
	var seen issuers
	server := forwardertest.Start(t, func(o *forwarder.Options) {
		o.Certificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			certificate, err := manager.Load().GetCertificate(hello)
			if err == nil {
				seen.add(certificate.Leaf.Issuer.CommonName)
			}
			return certificate, err
		}
	})
	proxies := &proxies{address: server.Address, caFile: trustFile(ctx, t, &group, host, wiring.ForwarderCAConfigMap), tokenFile: tokenFile(t)}
	server.Users.Add(token, auth.PodIdentity(auth.Pod{Namespace: "shop", Name: "front-1", UID: "front-1"}, "default"))
	for range clients {
		group.Go(func() { proxies.push(ctx, t, ulid.Make().String()) })
	}

	seen.waitFor(t, rotations-1)
	restart()
	seen.waitFor(t, rotations)
	deleteSecret(t, host, tlsSecret)
	successorPublished(t, host)
	restart()
	seen.waitFor(t, rotations+1)
	stop()
	group.Wait()

	server.Users.Add("user", auth.Identity{User: "controller"})
	server.CAFile = proxies.caFile
	stats, err := trafficpb.NewCapturesClient(server.Dial(t, "user")).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
	if err != nil {
		t.Fatal(err)
	}
	// A record whose push was cut by the end of the test may be there too.
	if got, want := stats.GetRecords(), proxies.acknowledged.Load(); got < want || stats.GetDropped() != 0 {
		t.Errorf("the forwarder has %d records and lost %d, want at least %d and 0", got, stats.GetDropped(), want)
	}
	t.Logf("%d records, certificates of %d CAs", stats.GetRecords(), seen.count())
}

func newManager(ctx context.Context, t *testing.T, host kubernetes.Interface) *certs.Manager {
	t.Helper()
	m := certs.NewManager(host, certs.Options{
		Namespace: namespace, SecretName: tlsSecret, ConfigMapName: wiring.ForwarderCAConfigMap,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetimes: lifetimes,
	})
	if err := m.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	return m
}

// successorPublished waits until a deleted Secret is there again.
func successorPublished(t *testing.T, host kubernetes.Interface) {
	t.Helper()
	before := published(t, host, wiring.ForwarderCAConfigMap)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); published(t, host, wiring.ForwarderCAConfigMap) == before; <-ticker.C {
		if time.Now().After(end) {
			t.Fatal("no CA was made in the place of the deleted one")
		}
	}
}

const token = "token-of-front"

func tokenFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// proxies push records, as proxies do that connect anew for each.
type proxies struct {
	address, caFile, tokenFile string

	acknowledged atomic.Uint64
}

// push pushes as one proxy, until the context ends or a record is refused.
func (p *proxies) push(ctx context.Context, t *testing.T, instance string) {
	for sequence := uint64(1); ctx.Err() == nil && !t.Failed(); sequence++ {
		switch err := p.pushOne(ctx, instance, sequence); {
		case err == nil:
			p.acknowledged.Add(1)
		case ctx.Err() == nil:
			t.Errorf("record %d of %s: %v", sequence, instance, err)
		}
	}
}

func (p *proxies) pushOne(ctx context.Context, instance string, sequence uint64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := dial.Forwarder(ctx, p.address, p.caFile, p.tokenFile)
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := trafficpb.NewIngestClient(conn).Push(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UnixNano()
	if err := stream.Send(&trafficpb.PushRequest{Batch: 1, ProxyInstance: instance, Records: []*trafficpb.Record{{
		Id: ulid.Make().String(), Sequence: sequence, Direction: trafficpb.Direction_DIRECTION_INBOUND,
		Protocol: "http/1.1", Workload: "front", Port: 9898, Operation: "GET /", Status: 200,
		Request:  &trafficpb.Message{Head: []byte("GET / HTTP/1.1\r\nHost: front\r\n\r\n"), FirstByte: now, LastByte: now},
		Response: &trafficpb.Message{Head: []byte("HTTP/1.1 200 OK\r\n\r\n"), FirstByte: now, LastByte: now},
	}}}); err != nil {
		_, err = stream.Recv() // says the reason
		return err
	}
	_, err = stream.Recv()
	return err
}
