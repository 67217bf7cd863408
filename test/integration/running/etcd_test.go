// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// serveEtcd is an etcd that demands a client certificate. Its arguments: directory, address, certificate, key.
func serveEtcd(ctx context.Context) error {
	dir, address, cert, key := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.LogLevel = "external", filepath.Join(dir, "data"), "error"
	cfg.ListenClientUrls = []url.URL{{Scheme: "https", Host: address}}
	cfg.AdvertiseClientUrls = cfg.ListenClientUrls
	cfg.ClientTLSInfo = transport.TLSInfo{CertFile: cert, KeyFile: key, TrustedCAFile: cert, ClientCertAuth: true}
	peer := filepath.Join(dir, "peer.sock")
	cfg.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: peer}}
	cfg.AdvertisePeerUrls = []url.URL{{Scheme: "unix", Path: peer}}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer etcd.Close()
	select {
	case err := <-etcd.Err():
		return err
	case <-ctx.Done():
		return nil
	}
}

// externalEtcd is an etcd in a process of its own.
type externalEtcd struct {
	certificate
	dir, address string
	*process
}

func newEtcd(t *testing.T, cert certificate) *externalEtcd {
	t.Helper()
	e := &externalEtcd{certificate: cert, dir: shortDir(t), address: freeAddress(t)}
	e.start(t)
	return e
}

// start runs etcd. It does not wait: that is for who uses it.
func (e *externalEtcd) start(t *testing.T) {
	t.Helper()
	e.process = spawn(t, "etcd", e.dir, e.address, e.cert, e.key)
}

// flags are those of a server that uses it.
func (e *externalEtcd) flags() []string {
	return []string{
		"--etcd-servers=https://" + e.address, "--etcd-cafile=" + e.cert, "--etcd-certfile=" + e.cert, "--etcd-keyfile=" + e.key,
	}
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(fmt.Errorf("writing the certificate: %w", err))
		}
		return path
	}
	return certificate{cert: write("tls.crt", "CERTIFICATE", der), key: write("tls.key", "PRIVATE KEY", keyDER)}
}
