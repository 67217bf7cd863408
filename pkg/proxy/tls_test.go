// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const serverName = "api.example"

// pki is who certifies the servers of a test.
type pki struct {
	t *testing.T
	authority.Authority
}

func newPKI(t *testing.T, name string) pki {
	t.Helper()
	ca, err := authority.New(name, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pki{t, ca}
}

func (p pki) issue(name string) tls.Certificate {
	p.t.Helper()
	key, err := authority.NewKey()
	if err != nil {
		p.t.Fatal(err)
	}
	leaf, err := p.Certify(key.Public(), []string{name}, nil, time.Hour, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// pool trusts p alone.
func (p pki) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate)
	return pool
}

func write(t *testing.T, data []byte, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func writePair(t *testing.T, certificate tls.Certificate, dir string) {
	t.Helper()
	key, err := authority.EncodeKey(certificate.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	write(t, authority.EncodeCertificate(certificate.Leaf), dir, wiring.TLSCertificate)
	write(t, key, dir, wiring.TLSKey)
}

// tlsRig is a proxy that reads TLS, beside a server with a certificate of a CA that the workload's owner added.
type tlsRig struct {
	*rig
	added  pki // certifies servers
	dir    string
	trust  string
	config wiring.TLSSettings
	ignore []string // hosts
}

func newTLSRig(t *testing.T, change func(*tlsRig)) *tlsRig {
	t.Helper()
	r := &tlsRig{added: newPKI(t, "company"), dir: t.TempDir(), trust: t.TempDir()}
	r.config.Outbound = true
	ours := authority.List{newPKI(t, "restage").Authority}
	keys, err := ours.Keys()
	if err != nil {
		t.Fatal(err)
	}
	write(t, ours.Bundle(), r.dir, wiring.TLSCADir, wiring.TLSCACertificate)
	write(t, keys, r.dir, wiring.TLSCADir, wiring.TLSCAKey)
	write(t, authority.EncodeCertificate(r.added.Certificate), r.dir, wiring.TLSAddedDir, wiring.TLSCACertificate)
	if change != nil {
		change(r)
	}
	r.rig = newRig(t, func(c *CaptureConfig) {
		c.Settings.TLS, c.TLSDir, c.TrustDir, c.Settings.Ignore.Hosts = r.config, r.dir, r.trust, r.ignore
	})
	r.scrape(t) // it serves once the workload's trust is written
	return r
}

// workload trusts what it is told to.
func (r *tlsRig) workload(t *testing.T) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(r.trust, wiring.TrustBundle))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the bundle holds no certificate")
	}
	return pool
}

// client is net/http's over TLS by way of the proxy; each request has a connection of its own.
func (r *tlsRig) client(to string, roots *x509.CertPool, h2 bool) *http.Client {
	target := netip.MustParseAddrPort(to)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: h2, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			r.to.Store(&target)
			var d net.Dialer
			return d.DialContext(ctx, "tcp", r.outbound)
		},
	}}
}

// serveTLS starts httpbin with a certificate.
func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(httpbin.New())
	server.TLS, server.EnableHTTP2 = config, true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are asked for here
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func get(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	response, err := client.Get("https://" + serverName + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response
}

// issuer is who certified the server that a client spoke to.
func issuer(response *http.Response) string {
	name, _, _ := strings.Cut(response.TLS.PeerCertificates[0].Issuer.CommonName, "@")
	return name
}

func TestOutboundTLSIsRead(t *testing.T) {
	r := newTLSRig(t, nil)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	response := get(t, r.client(server, r.workload(t), false), "/anything/orders?a=1")
	if issuer(response) != "restage" {
		t.Errorf("the client spoke to a server of %s", issuer(response))
	}
	record := r.operation(t, "GET /anything/orders")
	if record.GetHost() != serverName || record.GetScheme() != "https" || record.GetStatus() != 200 || len(record.GetDefects()) > 0 {
		t.Errorf("record %v", record)
	}
	if h2 := get(t, r.client(server, r.workload(t), true), "/get"); h2.ProtoMajor != 2 || issuer(h2) != "restage" {
		t.Errorf("HTTP/%d with a server of %s, want HTTP/2 as the server chose it", h2.ProtoMajor, issuer(h2))
	}
	if record := r.operation(t, "GET /get"); record.GetProtocol() != "http/2" || record.GetScheme() != "https" || record.GetHost() != serverName {
		t.Errorf("record %v", record)
	}
	if counts := r.scrape(t); !strings.Contains(counts, `restage_proxy_tls_connections_total{result="intercepted"} 2`) {
		t.Errorf("metrics are %s", counts)
	}
}

// untouched checks that a request reaches the server itself, and why.
func (r *tlsRig) untouched(t *testing.T, client *http.Client, reason string) {
	t.Helper()
	if response := get(t, client, "/get"); issuer(response) == "restage" {
		t.Errorf("%s: the connection was intercepted", reason)
	}
	r.find(t, "the opaque record", func(record *trafficpb.Record) bool {
		return record.GetProtocol() == "opaque" && record.GetTlsUntouched() == reason && record.GetHost() == serverName
	})
	if counts := r.scrape(t); !strings.Contains(counts, `restage_proxy_tls_connections_total{result="`+reason+`"}`) {
		t.Errorf("metrics are %s", counts)
	}
}

func TestUntrustedServerIsPassedThrough(t *testing.T) {
	r, other := newTLSRig(t, nil), newPKI(t, "other")
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{other.issue(serverName)}})
	r.untouched(t, r.client(server, other.pool(), true), "UpstreamNotTrusted")
}

func TestClientThatPinsIsPassedThrough(t *testing.T) {
	r := newTLSRig(t, nil)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	client := r.client(server, r.added.pool(), true)
	if _, err := client.Get("https://" + serverName + "/get"); err == nil {
		t.Fatal("a client took a certificate of a CA that it does not trust")
	}
	r.loss(t, "TLS refused by the client")
	r.untouched(t, client, "ClientRefused")
}

// A client that checks the certificate on its own leaves after the handshake, without a word.
func TestClientThatChecksLater(t *testing.T) {
	r := newTLSRig(t, nil)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	client := r.client(server, r.workload(t), true)
	pinned := errors.New("not the pinned key")
	transport := client.Transport.(*http.Transport)
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := transport.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: r.workload(t), ServerName: serverName})
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		if conn.ConnectionState().PeerCertificates[0].Issuer.CommonName != r.added.Certificate.Subject.CommonName {
			conn.Close()
			return nil, pinned
		}
		return conn, nil
	}
	eventually(t, "connections of the client are passed through", func() bool {
		response, err := client.Get("https://" + serverName + "/get")
		if err != nil && !errors.Is(err, pinned) {
			t.Fatal(err)
		}
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
}

func TestMutualTLS(t *testing.T) {
	clients := newPKI(t, "clients")
	for _, given := range []bool{false, true} {
		r := newTLSRig(t, func(r *tlsRig) {
			r.config.ClientCertificate = given
			writePair(t, clients.issue("front"), filepath.Join(r.dir, wiring.TLSClientDir))
		})
		server := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{r.added.issue(serverName)}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: clients.pool(),
		})
		if given {
			get(t, r.client(server, r.workload(t), false), "/get")
			r.operation(t, "GET /get")
			continue
		}
		client := r.client(server, r.workload(t), true)
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{clients.issue("front")}
		r.untouched(t, client, "ClientCertificateWanted")
	}
}

func TestInboundTLSIsRead(t *testing.T) {
	r := newTLSRig(t, nil)
	certificate := r.added.issue("front.example")
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{certificate}})
	port := netip.MustParseAddrPort(server).Port()
	in := newRig(t, func(c *CaptureConfig) {
		c.Settings.Ports, c.Settings.TLS, c.TLSDir = []uint16{port}, wiring.TLSSettings{Inbound: true}, r.dir
		writePair(t, certificate, filepath.Join(r.dir, wiring.TLSInboundDir))
	})
	to := netip.MustParseAddrPort(server)
	in.to.Store(&to)
	conn, err := tls.Dial("tcp", in.inbound, &tls.Config{RootCAs: r.added.pool(), ServerName: "front.example"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /status/418 HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
	record := in.operation(t, "GET /status/418")
	if record.GetStatus() != 418 || record.GetScheme() != "https" || record.GetDirection() != trafficpb.Direction_DIRECTION_INBOUND {
		t.Errorf("record %v", record)
	}
}

// The ends of a connection are passed on, also inside of TLS.
func TestEndsOfTLS(t *testing.T) {
	r := newTLSRig(t, nil)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	open := func() (client, server *tls.Conn) {
		to := netip.MustParseAddrPort(listener.Addr().String())
		r.to.Store(&to)
		accepted := make(chan *tls.Conn, 1)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				close(accepted)
				return
			}
			server := conn.(*tls.Conn)
			if err := server.Handshake(); err != nil {
				t.Error(err)
			}
			accepted <- server
		}()
		client, err := tls.Dial("tcp", r.outbound, &tls.Config{RootCAs: r.workload(t), ServerName: serverName})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		server, ok := <-accepted
		if !ok {
			t.Fatal("the server was not reached")
		}
		return client, server
	}
	client, server := open()
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the server saw %v, want EOF", err)
	}
	if _, err := io.WriteString(server, "late"); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "late" {
		t.Errorf("the client got %q, %v", got, err)
	}

	client, server = open()
	relay.Reset(server.NetConn().(*net.TCPConn))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v, want a reset", err)
	}
}

func TestIgnoredHostIsNotIntercepted(t *testing.T) {
	r := newTLSRig(t, func(r *tlsRig) { r.ignore = []string{serverName} })
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	if response := get(t, r.client(server, r.added.pool(), true), "/get"); issuer(response) != "company" {
		t.Errorf("the client spoke to a server of %s", issuer(response))
	}
}

// A proxy without a CA reads nothing and still says whom to trust: the workload's environment names that file.
func TestWithoutCA(t *testing.T) {
	r := newTLSRig(t, func(r *tlsRig) {
		if err := os.RemoveAll(filepath.Join(r.dir, wiring.TLSCADir)); err != nil {
			t.Fatal(err)
		}
	})
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
	if response := get(t, r.client(server, r.workload(t), true), "/get"); issuer(response) != "company" {
		t.Errorf("the client spoke to a server of %s", issuer(response))
	}
}
