// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/restage-dev/restage/test/kube"
)

// TestReplayWithoutNetAdmin replays in a namespace that Pod Security holds to restricted: no pod there may write rules. The front calls the
// back at the port that it listens on itself, so that it reaches what stands in for it by the proxy variables. A second copy listens elsewhere.
func TestReplayWithoutNetAdmin(t *testing.T) {
	t.Parallel()
	const backend = `"--backend-url=http://back:9898/echo"]`
	s := openShop(t, backend, backend+`
        securityContext: {runAsNonRoot: true, runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}`)
	s.client(t, "visitor", `for i in $(seq 30); do curl -sf -d "hello $i" http://front:9898/echo && curl -sf http://front:9898/version || exit 1; done`)
	s.snapshot(t, "few")
	s.closeBack(t)
	kube.Kubectl(t, "label", "namespace", s.namespace, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")

	for name, workloads := range map[string]string{
		"explicit": "\n",
		"swapped":  "\n  workloads: [{ref: {name: front}, containers: [{portSwaps: [{port: 9898, to: 19898, argument: \"--port=\"}]}]}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := s.inTime(t, name, func(name string) {
				manifest := strings.Replace(kube.DemoManifest(t, "replay-same.yaml", s.namespace), "name: same-image\n", "name: "+name+"\n", 1)
				manifest = strings.Replace(manifest, "snapshotName: monday", "snapshotName: few", 1)
				kube.MustApply(t, strings.TrimRight(manifest, "\n")+workloads)
			})
			status.passed(t)
			saysWhatHolds(t, status)
		})
	}
}

// saysWhatHolds checks what the environment said of what holds its pods back, which has gone with it.
func saysWhatHolds(t *testing.T, status replayStatus) {
	t.Helper()
	_, _, message := status.condition("EnvironmentReady")
	t.Logf("%s: %s", status.name, message)
	open := strings.Contains(message, "isolated: False, NotEnforced:")
	held := strings.Contains(message, "isolated: True, ExplicitMode:")
	if os.Getenv("CLUSTER") == "local" { // whose network enforces no NetworkPolicy
		held = false
	}
	if !open && !held {
		t.Errorf("%s does not say what holds the pods of its environment back: %s", status.name, message)
	}
}
