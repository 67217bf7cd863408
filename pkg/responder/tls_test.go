// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

// writeCA makes the CA of an environment.
func writeCA(t testing.TB) (dir string) {
	t.Helper()
	ca, err := authority.New("restage-environment", time.Hour, time.Now())
	must(t, err)
	key, err := authority.EncodeKey(ca.Key)
	must(t, err)
	dir = t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, wiring.TLSCACertificate), authority.EncodeCertificate(ca.Certificate), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, wiring.TLSCAKey), key, 0o600))
	return dir
}

// roots are those that proxies are told of.
func (e *environment) roots() *x509.CertPool {
	e.t.Helper()
	var answer struct {
		CA string `json:"ca"`
	}
	if status := e.call(http.MethodGet, "/v1/names", environmentToken, nil, &answer); status != http.StatusOK {
		e.t.Fatalf("status %d", status)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(answer.CA)) {
		e.t.Fatal("the responder tells no CA")
	}
	return pool
}

// secure is an HTTP client whose connections go through the tunnel, over TLS.
func (e *environment) secure() *http.Client {
	roots := e.roots()
	transport := &http.Transport{
		DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			must(e.t, err)
			return e.dial(host, "198.18.0.1", backPort), nil
		},
	}
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestRecordedNamesAreAnsweredOverTLS(t *testing.T) {
	records := record(t, httpbin.New(), get("/get?a=1"), get("/status/418"))
	e := playing(t, defaultSettings(), records...)
	client := e.secure()
	for path, want := range map[string]int{"/get?a=1": 200, "/status/418": 418} {
		response, err := client.Get("https://back:9898" + path)
		must(t, err)
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != want {
			t.Errorf("%s: status %d, %v, want %d", path, response.StatusCode, err, want)
		}
		must(t, response.Body.Close())
		if response.TLS == nil || response.TLS.NegotiatedProtocol != "" && response.TLS.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: TLS is %+v", path, response.TLS)
		}
	}
}

// What was recorded in the clear is still answered in the clear, on the same port.
func TestClearAndTLS(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), get("/get?a=1"), get("/get?a=1"))...)
	for scheme, client := range map[string]*http.Client{"http": e.client(), "https": e.secure()} {
		response, err := client.Get(scheme + "://back:9898/get?a=1")
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", scheme, response.StatusCode)
		}
	}
}

func TestClientThatDoesNotTrustIsAMiss(t *testing.T) {
	e := playing(t, defaultSettings(), record(t, httpbin.New(), get("/get?a=1"))...)
	conn := tls.Client(e.dial("back", "198.18.0.1", backPort), &tls.Config{ServerName: "back", RootCAs: x509.NewCertPool()})
	if err := conn.Handshake(); err == nil {
		t.Fatal("a client took a certificate of a CA that it does not trust")
	}
	eventually(t, "the miss is counted", func() bool {
		var stats struct {
			Matches map[string]int `json:"matches"`
		}
		return e.call(http.MethodGet, "/v1/stats", environmentToken, nil, &stats) == http.StatusOK && stats.Matches["missed"] == 1
	})
}
