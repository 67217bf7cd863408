// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

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

	s.replay(t, "replay-same.yaml", "same-image", "explicit", "few")
	manifest := strings.Replace(kube.DemoManifest(t, "replay-same.yaml", s.namespace), "name: same-image\n", "name: swapped\n", 1)
	manifest = strings.Replace(manifest, "snapshotName: monday", "snapshotName: few", 1)
	kube.MustApply(t, strings.TrimRight(manifest, "\n")+`
  workloads: [{ref: {name: front}, containers: [{portSwaps: [{port: 9898, to: 19898, argument: "--port="}]}]}]
`)
	var reason string
	kube.Eventually(t, 2*time.Minute, "the environment says what holds its pods back", func() (bool, string) {
		reason = strings.TrimSpace(s.kubectl(t, "get", "environments", "-o", `jsonpath={.items[?(@.metadata.name=="explicit")].status.conditions[?(@.type=="Isolated")].reason}`))
		return reason == "ExplicitMode" || reason == "NotEnforced", reason
	})
	t.Logf("Isolated has the reason %s", reason)
	s.finished(t, "explicit").passed(t)
	s.finished(t, "swapped").passed(t)
}
