// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package ha tests the installation with three servers, on a real cluster: hack/e2e-ha.sh.
package ha

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/test/stream"
)

const (
	system    = "restage-system"
	namespace = "e2e-ha"
	apiserver = "deployment/restage-apiserver"
	writers   = 4
	rollouts  = 2
)

// A rollout of the servers, through kube-apiserver as users see it, loses no request that client-go does not try again by
// itself, and no event.
func TestHighAvailability(t *testing.T) {
	install(t)
	kubectl(t, "", "create", "namespace", namespace)
	t.Cleanup(func() {
		if out, err := exec.Command("kubectl", "delete", "namespace", namespace, "--timeout=2m").CombinedOutput(); err != nil {
			t.Errorf("deleting the namespace: %v: %s", err, out)
		}
	})
	objects := &stream.Stream{Namespace: namespace}
	var watchers []*stream.Watcher
	for range 3 {
		watchers = append(watchers, objects.Watch(t, client(t)))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	for i := range writers {
		client := client(t)
		group.Go(func() { objects.Write(ctx, t, client, i) })
	}
	for range rollouts {
		before := objects.Writes()
		kubectl(t, "", "-n", system, "rollout", "restart", apiserver)
		kubectl(t, "", "-n", system, "rollout", "status", apiserver, "--timeout=5m")
		awaitPods(t, 3)
		t.Logf("%d writes during a rollout", objects.Writes()-before)
		if objects.Writes() == before {
			t.Error("there were no writes")
		}
	}
	stop()
	group.Wait()
	for _, watcher := range watchers {
		eventually(t, "the watcher has seen all", func() bool { return watcher.Complete(objects) })
	}
	t.Logf("%d writes in all, none failed", objects.Writes())
}

// install sets up an etcd and the servers.
func install(t *testing.T) {
	t.Helper()
	kubectl(t, "", "apply", "-f", "../../artifacts/base/namespace.yaml")
	cert, key := certificate(t)
	kubectl(t, kubectl(t, "", "-n", system, "create", "secret", "generic", "restage-etcd-client", "--type=kubernetes.io/tls",
		"--from-file=ca.crt="+cert, "--from-file=tls.crt="+cert, "--from-file=tls.key="+key, "--dry-run=client", "-o", "yaml"), "apply", "-f", "-")
	kubectl(t, "", "apply", "-k", "manifests")
	kubectl(t, "", "-n", system, "rollout", "status", apiserver, "--timeout=5m")
	eventually(t, "the API is registered", func() bool {
		return exec.Command("kubectl", "get", "apiservice", "v1alpha1.replay.restage.dev").Run() == nil
	})
	kubectl(t, "", "wait", "--for=condition=Available", "apiservice/v1alpha1.replay.restage.dev", "--timeout=3m")
	awaitPods(t, 3)
	if id := kubectl(t, "", "-n", system, "get", "configmap", "restage-apiserver-store", "-o", "jsonpath={.data.id}"); len(id) != 36 {
		t.Errorf("the store has ID %q", id)
	}
}

// awaitPods waits until there are only so many pods of the server.
func awaitPods(t *testing.T, count int) {
	t.Helper()
	eventually(t, "the old servers are gone", func() bool {
		return len(strings.Fields(kubectl(t, "", "-n", system, "get", "pods", "-l", "app.kubernetes.io/name=restage-apiserver", "-o", "name"))) == count
	})
}

// client has connections of its own.
func client(t *testing.T) versioned.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{}
	config.QPS, config.Dial = -1, dialer.DialContext
	client, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	for !holds() {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: not within 3 minutes", what)
		}
	}
}

// certificate is one for etcd and its clients; it signs itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames:              []string{"restage-etcd." + system + ".svc", "localhost"},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("tls.crt", "CERTIFICATE", der), write("tls.key", "PRIVATE KEY", keyDER)
}
