// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Root is the directory of the repository, in which a test runs in its package's.
func Root(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := here; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatalf("no go.mod above %s", here)
	return ""
}

// DemoManifest returns a manifest of the demo for another namespace.
func DemoManifest(t *testing.T, name, namespace string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Root(t), "hack", "demo", "manifests", name))
	if err != nil {
		t.Fatal(err)
	}
	manifest := strings.ReplaceAll(string(data), "namespace: shop", "namespace: "+namespace)
	return strings.ReplaceAll(manifest, "  name: shop\n---", "  name: "+namespace+"\n---")
}

// Config returns the configuration of clients of the cluster, without a limit of their rate.
func Config(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	return config
}
