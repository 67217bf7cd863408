// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// enforce is the label by which a namespace says which pods it lets in.
const enforce = "pod-security.kubernetes.io/enforce"

// leavesHeld removes the installation by its namespace while a Deployment is paused, and so makes pods of a former template, with the proxy, whatever is taken out of
// it. It is as it was, and what keeps these pods from being refused stays with them; when its owner has let go of that template, one command leaves nothing.
func (s *shop) leavesHeld(t *testing.T) {
	kube.MustApply(t, s.recorded("held", "revisionHistoryLimit: 0", "terminationGracePeriodSeconds: 1"))
	s.kubectl(t, "wait", "--for=create", "trafficcapture/held", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/held", "--timeout=120s")
	s.kubectl(t, "rollout", "status", "deployment/held", "--timeout=120s")
	s.kubectl(t, "rollout", "pause", "deployment/held")
	kube.Kubectl(t, "delete", "namespace", system, "--timeout=120s")
	if in := s.kubectl(t, "get", "deployment", "held", "-o", "jsonpath={.spec.template.spec['initContainers','volumes'][*].name}"); in != "" {
		t.Errorf("in the template is %s", in)
	}
	if s.proxies(t, "app=held") == "" {
		t.Error("its pods were replaced")
	}

	s.kubectl(t, "label", "namespace", s.namespace, enforce+"=baseline")
	kube.Eventually(t, time.Minute, "its pod to come without the proxy, where none is allowed", func() (bool, string) { // kube-apiserver needs a moment to know of the label
		s.remake(t)
		why := s.kubectl(t, "get", "pods", "-l", "app=held", "-o", "jsonpath={.items[*].metadata.annotations}")
		return s.proxies(t, "app=held") == "" && strings.Contains(why, v1alpha1.AnnotationProxyLeftOut), why
	})
	s.kubectl(t, "label", "namespace", s.namespace, enforce+"-")

	kube.Eventually(t, time.Minute, "its pod to have the proxy again", func() (bool, string) {
		s.remake(t)
		return s.proxies(t, "app=held") != "", ""
	})
	const resume = "rollout resume deployment/held"
	out, err := kube.Run(t.Context(), "", "kubectl", "restage", "uninstall", "--yes")
	if err == nil || !strings.Contains(out, "In the way:\n  Deployment "+s.namespace+"/held: 1 of its pods keep") || !strings.Contains(out, resume) {
		t.Errorf("uninstall: %v\n%s", err, out)
	}
	s.kubectl(t, strings.Fields(resume)...)
	s.kubectl(t, "rollout", "status", "deployment/held", "--timeout=120s")
	if out := restage(t, "uninstall", "--yes", "-o", "json"); strings.Count(out, wiring.PodSecurity) != 2 || strings.Contains(out, `"left"`) {
		t.Errorf("after its pods were replaced it said %s", out)
	}
	s.kubectl(t, "delete", "deployment", "held", "--timeout=60s")
}

// remake deletes the pod that is held, and waits for the next.
func (s *shop) remake(t *testing.T) {
	t.Helper()
	s.kubectl(t, "delete", "pods", "-l", "app=held", "--timeout=60s")
	kube.Eventually(t, time.Minute, "a pod to be made again", func() (bool, string) {
		pods := s.kubectl(t, "get", "pods", "-l", "app=held", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}")
		return pods == "True", pods + s.kubectl(t, "get", "events", "--field-selector=reason=FailedCreate", "-o", "jsonpath={.items[*].message}")
	})
}
