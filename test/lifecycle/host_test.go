// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// withoutFrontProxy starts a second kube-apiserver, on loopback, without the flags for aggregated APIs, and returns its kubeconfig.
// The programs are those of hack/localcluster, which lie beside its kubectl.
func withoutFrontProxy(t *testing.T) string {
	t.Helper()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	programs := filepath.Dir(kubectl)
	if _, err := os.Stat(filepath.Join(programs, "kube-apiserver")); err != nil {
		t.Fatalf("this test starts a kube-apiserver of its own and needs it beside kubectl, as hack/localcluster has it: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	plane := controlplane.New(controlplane.Options{Kubernetes: programs, Dir: t.TempDir(), WithoutFrontProxy: true})
	t.Cleanup(func() { cancel(); plane.Wait() })
	if err := plane.StartHost(ctx); err != nil {
		t.Fatal(err)
	}
	return plane.Kubeconfig
}

// ofVersion is the cluster behind a server on loopback that says to be of another version, and returns the kubeconfig for it.
func ofVersion(t *testing.T, git string) string {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	mux := http.NewServeMux()
	mux.Handle("/", behind)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(version.Info{GitVersion: git})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	written := clientcmdapi.NewConfig()
	written.Clusters["old"] = &clientcmdapi.Cluster{Server: server.URL}
	written.AuthInfos["nobody"] = &clientcmdapi.AuthInfo{}
	written.Contexts["old"] = &clientcmdapi.Context{Cluster: "old", AuthInfo: "nobody"}
	written.CurrentContext = "old"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*written, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// expiredCertificate returns a certificate for the server, with its key, as PEM. The authority is a CA and its key in base64,
// separated by a space; with none the certificate is signed by itself.
func expiredCertificate(t *testing.T, authority string) (certificate, key []byte) {
	t.Helper()
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-50 * time.Minute), NotAfter: time.Now().Add(-time.Minute),
		DNSNames: []string{"restage-apiserver." + system + ".svc"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	issuer, issuerKey := leaf, any(leafKey)
	if authority != "" {
		issuer, issuerKey = parseAuthority(t, authority)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, leafKey.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = cert.EncodeCertificates(parsed); err != nil {
		t.Fatal(err)
	}
	if key, err = keyutil.MarshalPrivateKeyToPEM(leafKey); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func parseAuthority(t *testing.T, authority string) (*x509.Certificate, any) {
	t.Helper()
	encoded := strings.Fields(authority)
	if len(encoded) != 2 {
		t.Fatalf("%d words are not a CA and its key", len(encoded))
	}
	var decoded [2][]byte
	for i := range decoded {
		var err error
		if decoded[i], err = base64.StdEncoding.DecodeString(encoded[i]); err != nil {
			t.Fatal(err)
		}
	}
	certificates, err := cert.ParseCertsPEM(decoded[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(decoded[1])
	if err != nil {
		t.Fatal(err)
	}
	return certificates[0], key
}
