// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"os/exec"
	"regexp"
	"testing"

	"github.com/restage-dev/restage/test/kube"
)

var forwarding = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) `)

// describe makes the ConfigMap with the types of the messages of a Deployment's gRPC server, as it tells them by reflection.
func (s *shop) describe(t *testing.T, deployment, port string) {
	t.Helper()
	forward := exec.CommandContext(t.Context(), "kubectl", "-n", s.namespace, "port-forward", "deployment/"+deployment, ":"+port)
	out, err := forward.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := forward.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = forward.Process.Kill()
		_ = forward.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	address := forwarding.FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("kubectl port-forward printed %q: %v", line, err)
	}
	name := deployment + "-descriptors"
	kube.MustApply(t, s.mustRestage(t, 0, []string{"capture", "descriptors", name, "--address", address[1]}, "name: "+name, "descriptors.binpb"), "-n", s.namespace)
}
