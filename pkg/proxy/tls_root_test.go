// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

// openTo lets everybody read what is in a directory of a test: the proxy runs as another user.
func openTo(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return os.Chmod(path, 0o644)
		}
		return os.Chmod(path, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTLSInNamespace has the real sidecar read what a real client says over TLS, behind real rules.
func TestTLSInNamespace(t *testing.T) {
	pod, outside := newPod(t)
	binary := buildProxy(t)
	ingest := serveIngest(t, outside.listen("10.99.0.1:0"))
	company, ours := newPKI(t, "company"), authority.List{newPKI(t, "restage").Authority}
	server := &http.Server{
		Handler: httpbin.New(), ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{company.issue(serverName)}},
	}
	go server.ServeTLS(outside.listen("[::]:443"), "", "")
	t.Cleanup(func() { server.Close() })

	dir, trust := t.TempDir(), t.TempDir()
	keys, err := ours.Keys()
	if err != nil {
		t.Fatal(err)
	}
	write(t, ours.Bundle(), dir, wiring.TLSCADir, wiring.TLSCACertificate)
	write(t, keys, dir, wiring.TLSCADir, wiring.TLSCAKey)
	write(t, authority.EncodeCertificate(company.Certificate), dir, wiring.TLSAddedDir, wiring.TLSCACertificate)
	openTo(t, dir)
	if err := os.Chmod(trust, 0o777); err != nil { // as an empty volume is
		t.Fatal(err)
	}
	settings := wiring.NewCaptureSettings("front", nil)
	settings.TLS.Outbound = true
	pod.start(binary, nil, "run", "--mode=Capture", "--settings="+settings.Argument(), "--forwarder="+ingest.address,
		"--tls-dir="+dir, "--trust-dir="+trust,
		"--token-file="+filepath.Join(ingest.dir, "token"), "--ca-file="+filepath.Join(ingest.dir, "ca.crt"), "--redaction-key="+filepath.Join(ingest.dir, "none"))
	pod.initialize(binary, "--mode=Capture", "--ports=")

	bundle := filepath.Join(trust, wiring.TrustBundle)
	for path, address := range map[string]string{"v4": "10.99.0.1", "v6": "[fd99::1]"} {
		pod.run("curl", "-sf", "--max-time", "10", "--http1.1", "--cacert", bundle, "--resolve", serverName+":443:"+address, "https://"+serverName+"/anything/"+path)
	}
	for _, operation := range []string{"GET /anything/v4", "GET /anything/v6"} {
		record := ingest.operation(t, operation)
		if record.GetScheme() != "https" || record.GetHost() != serverName || record.GetPort() != 443 || record.GetStatus() != 200 {
			t.Errorf("record %v", record)
		}
	}
}
