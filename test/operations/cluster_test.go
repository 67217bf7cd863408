// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package operations tests what the docs say about running the server, on a real cluster: hack/e2e-operations.sh. Each test installs Restage
// in its own way and removes it.
package operations

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/test/kube"
)

const (
	system    = "restage-system"
	namespace = "e2e-operations"
	apiserver = "deployment/restage-apiserver"

	// patience is how long a test waits for the cluster.
	patience    = 3 * time.Minute
	cleanUpTime = 4 * time.Minute
)

// install installs Restage, waits until the API is there, and makes a namespace to use it in. All goes when the test ends.
func install(t *testing.T, kustomization string) {
	t.Helper()
	t.Cleanup(func() { kube.CleanUp(t, cleanUpTime, "delete", "-k", kustomization, "--timeout=3m") })
	kube.Kubectl(t, "apply", "-k", kustomization)
	awaitServer(t)
	t.Cleanup(func() { kube.CleanUp(t, cleanUpTime, "delete", "namespace", namespace, "--timeout=3m") })
	kube.Kubectl(t, "create", "namespace", namespace)
}

// awaitServer waits until the API can be used through kube-apiserver.
func awaitServer(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "-n", system, "rollout", "status", apiserver, "--timeout=5m")
	kube.Kubectl(t, "wait", "--for=create", "apiservice/v1alpha1.replay.restage.dev", "--timeout=3m")
	kube.Kubectl(t, "wait", "--for=condition=Available", "apiservice/v1alpha1.replay.restage.dev", "--timeout=3m")
}

// awaitPods waits until there are only so many pods of the server.
func awaitPods(t *testing.T, count int) {
	t.Helper()
	kube.Eventually(t, patience, "the old servers are gone", func() (bool, string) {
		pods := kube.Kubectl(t, "-n", system, "get", "pods", "-l", "app.kubernetes.io/name=restage-apiserver", "-o", "name")
		return len(strings.Fields(pods)) == count, pods
	})
}

// client has connections of its own.
func client(t *testing.T) versioned.Interface {
	t.Helper()
	config, dialer := kube.Config(t), &net.Dialer{}
	config.Dial = dialer.DialContext
	client, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
