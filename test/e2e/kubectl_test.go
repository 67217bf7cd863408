// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run runs a command and returns its standard output; the error holds its standard error.
func run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s %s: %s", name, strings.Join(args, " "), strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), err
}

// kubectl runs kubectl as a user would and fails the test when it fails.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t.Context(), "", "kubectl", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies a manifest and returns what kubectl says; the error is what the server says.
func apply(t *testing.T, manifest string, args ...string) (string, error) {
	t.Helper()
	return run(t.Context(), manifest, "kubectl", append([]string{"apply", "-f", "-"}, args...)...)
}

func mustApply(t *testing.T, manifest string, args ...string) string {
	t.Helper()
	out, err := apply(t, manifest, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually polls until the condition holds, and fails the test with what it last said when that takes too long.
func eventually(t *testing.T, within time.Duration, what string, condition func() (ok bool, last string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, last := condition()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s; last: %s", what, within, last)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// demoManifest returns a manifest of the demo for another namespace.
func demoManifest(t *testing.T, name, namespace string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "hack", "demo", "manifests", name))
	if err != nil {
		t.Fatal(err)
	}
	manifest := strings.ReplaceAll(string(data), "namespace: shop", "namespace: "+namespace)
	return strings.ReplaceAll(manifest, "  name: shop\n---", "  name: "+namespace+"\n---")
}

// namespace makes a namespace name for the test and deletes the namespace at its end, waiting until it is gone: an
// aggregated API that is not well blocks exactly this.
func namespace(t *testing.T, prefix string) string {
	t.Helper()
	name := fmt.Sprintf("%s-%d", prefix, time.Now().Unix()%100000)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if _, err := run(ctx, "", "kubectl", "delete", "namespace", name, "--ignore-not-found", "--timeout=110s"); err != nil {
			t.Errorf("deleting the namespace: %v", err)
		}
	})
	return name
}
