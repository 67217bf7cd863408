// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// asStatefulSet makes the front a StatefulSet with a volume of its own.
var asStatefulSet = []string{
	"kind: Deployment\nmetadata:\n  name: front", "kind: StatefulSet\nmetadata:\n  name: front",
	"    matchLabels: {app: front}", "    matchLabels: {app: front}\n  serviceName: front",
	"      volumes: [{name: data, emptyDir: {}}]\n",
	"      securityContext: {fsGroup: 1000}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}\n",
}

// replayOfASet replays the snapshot against the workload that the Service selects.
const replayOfASet = `
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: %s, namespace: %s}
spec:
  snapshotName: set
  profileName: podinfo
  workloads:
  - ref: {kind: Service, name: front}
    volumes: %s
`

// TestStatefulSet records a StatefulSet, replays it with an empty volume in the place of its claim, and leaves it as it was.
func TestStatefulSet(t *testing.T) {
	s := openShop(t, asStatefulSet...)
	template := func() string { return s.kubectl(t, "get", "statefulset", "front", "-o", "jsonpath={.spec.template}") }
	if !strings.Contains(template(), "restage-proxy") {
		t.Fatal("the StatefulSet has no recording proxy")
	}
	s.visit(t)
	kube.MustApply(t, fmt.Sprintf(`
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficSnapshot
metadata: {name: set, namespace: %s}
spec: {workloadRef: {kind: StatefulSet, name: front}, last: 15m}
`, s.namespace))
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/set", "--timeout=60s")
	s.closeBack(t)

	_, err := kube.Apply(t, fmt.Sprintf(replayOfASet, "refused", s.namespace, "Refuse"))
	if err == nil || !strings.Contains(err.Error(), "spec.volumeClaimTemplates[0]") {
		t.Errorf("a copy that would need the claim of the live pod: %v", err)
	}
	s.inTime(t, "set", func(name string) {
		kube.MustApply(t, fmt.Sprintf(replayOfASet, name, s.namespace, "Ephemeral"))
		if ref := s.kubectl(t, "get", "trafficreplay", name, "-o", "jsonpath={.spec.workloads[0].ref.kind}/{.spec.workloads[0].ref.name}"); ref != "StatefulSet/front" {
			t.Errorf("the Service stands for %s", ref)
		}
	}).passed(t)

	s.kubectl(t, "annotate", "statefulset/front", "capture.restage.dev/enabled-")
	kube.Eventually(t, time.Minute, "the proxy is out of the StatefulSet", func() (bool, string) {
		now := template()
		return !strings.Contains(now, "restage-"), now
	})
	s.kubectl(t, "rollout", "status", "statefulset/front", "--timeout=120s")
}
