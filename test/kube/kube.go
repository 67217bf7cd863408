// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package kube runs kubectl in tests on a real cluster, as a user would, and waits for what kubectl does not wait for.
package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/rand"
)

// pollInterval is how often Await looks.
const pollInterval = 200 * time.Millisecond

// Run runs a command and returns its standard output, without the white space around it. The error of a command that fails
// holds its standard error and wraps the *exec.ExitError.
func Run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if failure := (&exec.ExitError{}); errors.As(err, &failure) {
		err = &failed{command: name + " " + strings.Join(args, " "), stderr: strings.TrimSpace(stderr.String()), exit: failure}
	}
	return strings.TrimSpace(stdout.String()), err
}

// failed is a command that ended with a status other than 0.
type failed struct {
	command, stderr string
	exit            *exec.ExitError
}

func (f *failed) Error() string { return f.command + ": " + f.stderr }

func (f *failed) Unwrap() error { return f.exit }

// Kubectl runs kubectl, and fails the test when it fails.
func Kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := Run(t.Context(), "", "kubectl", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// HasPolicies tells whether the cluster has MutatingAdmissionPolicy.
func HasPolicies(t *testing.T) bool {
	t.Helper()
	return strings.Contains(Kubectl(t, "get", "--raw", "/apis/admissionregistration.k8s.io/v1"), `"mutatingadmissionpolicies"`)
}

// Apply applies a manifest and returns what kubectl says. The error is what the server says.
func Apply(t *testing.T, manifest string, args ...string) (string, error) {
	t.Helper()
	return Run(t.Context(), manifest, "kubectl", append([]string{"apply", "-f", "-"}, args...)...)
}

// MustApply is Apply that fails the test when it is refused.
func MustApply(t *testing.T, manifest string, args ...string) string {
	t.Helper()
	out, err := Apply(t, manifest, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// CleanUp runs kubectl when the context of the test has ended; what fails is an error of the test.
func CleanUp(t *testing.T, within time.Duration, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := Run(ctx, "", "kubectl", args...); err != nil {
		t.Error(err)
	}
}

// Eventually polls until the condition holds, and fails the test with what it last said when that takes too long.
func Eventually(t *testing.T, within time.Duration, what string, condition func() (ok bool, last string)) {
	t.Helper()
	if err := Await(t.Context(), within, what, condition); err != nil {
		t.Fatal(err)
	}
}

// Await polls until the condition holds. The error, when that takes too long or the context ends, has what it last said.
func Await(ctx context.Context, within time.Duration, what string, condition func() (ok bool, last string)) error {
	deadline := time.Now().Add(within)
	for {
		ok, last := condition()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s; last: %s", what, within, last)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; last: %s", what, ctx.Err(), last)
		case <-time.After(pollInterval):
		}
	}
}

// Namespace makes up the name of a namespace for the test and deletes the namespace at its end, waiting until it is gone: an
// aggregated API that is not well blocks exactly this.
func Namespace(t *testing.T, prefix string) string {
	t.Helper()
	name := prefix + "-" + rand.String(5)
	t.Cleanup(func() { CleanUp(t, 2*time.Minute, "delete", "namespace", name, "--ignore-not-found", "--timeout=110s") })
	return name
}
