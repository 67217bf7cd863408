// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package operations tests what docs/operations.md says, on a real cluster: hack/e2e-operations.sh. Each test installs Restage
// in its own way and removes it.
package operations

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

const (
	system    = "restage-system"
	namespace = "e2e-operations"
	apiserver = "deployment/restage-apiserver"
)

// install installs Restage, waits until the API is there, and makes a namespace to use it in. All goes when the test ends.
func install(t *testing.T, kustomization string) {
	t.Helper()
	t.Cleanup(func() { cleanUp(t, "delete", "-k", kustomization, "--timeout=3m") })
	kubectl(t, "", "apply", "-k", kustomization)
	awaitServer(t)
	t.Cleanup(func() { cleanUp(t, "delete", "namespace", namespace, "--timeout=3m") })
	kubectl(t, "", "create", "namespace", namespace)
}

// awaitServer waits until the API can be used through kube-apiserver.
func awaitServer(t *testing.T) {
	t.Helper()
	kubectl(t, "", "-n", system, "rollout", "status", apiserver, "--timeout=5m")
	eventually(t, "the API is registered", func() bool {
		return exec.Command("kubectl", "get", "apiservice", "v1alpha1.replay.restage.dev").Run() == nil
	})
	kubectl(t, "", "wait", "--for=condition=Available", "apiservice/v1alpha1.replay.restage.dev", "--timeout=3m")
}

// cleanUp is kubectl after the end of the test.
func cleanUp(t *testing.T, args ...string) {
	if out, err := exec.Command("kubectl", args...).CombinedOutput(); err != nil {
		t.Errorf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
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
