//go:build e2e

// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// inPlace replays against the front itself, has the controller killed meanwhile, and wants the front back as it was.
func (s *shop) inPlace(t *testing.T) {
	template := func() string {
		return s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.spec.template} {.metadata.annotations.replay\\.restage\\.dev/in-place}")
	}
	before := template()
	manifest := strings.Replace(kube.DemoManifest(t, "replay-same.yaml", s.namespace), "name: same-image\n", "name: inplace\n", 1)
	kube.MustApply(t, strings.TrimRight(manifest, "\n")+"\n  workloads: [{ref: {name: front}, strategy: InPlace}]\n")
	s.underway(t, "inplace")
	if during := template(); !strings.Contains(during, "restage-init") || s.kubectl(t, "get", "deployment", "inplace-front", "--ignore-not-found") != "" {
		t.Errorf("the front is not in place: %s", during)
	}
	for document := range strings.SplitSeq(kube.DemoManifest(t, "shop.yaml", s.namespace), "\n---\n") {
		if !strings.Contains(document, "kind: Deployment") || !strings.Contains(document, "name: front\n") {
			continue
		}
		renamed := strings.Replace(document, "- name: podinfo\n", "- name: renamed\n", 1)
		if out, err := kube.Run(t.Context(), renamed, "kubectl", "apply", "--server-side", "--dry-run=server", "-o", "yaml", "-f", "-"); err != nil || !strings.Contains(out, "name: renamed\n") {
			t.Errorf("its owner may not rename a container: %v %s", err, out)
		}
	}
	kube.Kubectl(t, "-n", "restage-system", "delete", "pod", "-l", "app.kubernetes.io/component=controller", "--force", "--grace-period=0")
	s.finished(t, "inplace").passed(t)
	kube.Eventually(t, time.Minute, "the front is as before", func() (bool, string) {
		after := strings.TrimSpace(template())
		return after == strings.TrimSpace(before), after
	})
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
}
