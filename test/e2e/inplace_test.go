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
	s.inTime(t, "inplace", func(name string) {
		manifest := strings.Replace(kube.DemoManifest(t, "replay-same.yaml", s.namespace), "name: same-image\n", "name: "+name+"\n", 1)
		kube.MustApply(t, strings.TrimRight(manifest, "\n")+"\n  workloads: [{ref: {name: front}, strategy: InPlace}]\n")
		s.underway(t, name)
		if during := template(); !strings.Contains(during, "restage-init") || s.kubectl(t, "get", "deployment", name+"-front", "--ignore-not-found") != "" {
			t.Errorf("the front is not in place: %s", during)
		}
		// What we own inside of a container its owner could not set by server-side apply.
		kube.Eventually(t, time.Minute, "its containers are its owner's", func() (bool, string) {
			ours := s.kubectl(t, "get", "deployment", "front", "--show-managed-fields", "-o", `jsonpath={.metadata.managedFields[?(@.manager=="restage-in-place")].fieldsV1}`)
			return strings.Contains(ours, "restage-init") && !strings.Contains(ours, "f:containers"), ours
		})
		killController(t)
	}).passed(t)
	kube.Eventually(t, time.Minute, "the front is as before", func() (bool, string) {
		after := strings.TrimSpace(template())
		return after == strings.TrimSpace(before), after
	})
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
}
