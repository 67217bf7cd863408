// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"strings"
	"testing"
	"time"

	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// chooseAnew has the operator put the proxy into the front, and then change workloads no more. What it has put in stays, whole, until somebody takes it out.
func (s *shop) chooseAnew(t *testing.T) {
	t.Helper()
	live := s.live(t)
	installWith(t, manifests.Options{})
	s.awaitReason(t, "Recording", "")
	installWith(t, manifests.Options{Injection: manifests.InjectionManual})
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	kube.Kubectl(t, "get", policyKinds, wiring.TemplateVolumes)
	s.awaitReason(t, "Recording", "")
	restage(t, "uninject", "-n", s.namespace, "deploy/front")
	if after := s.live(t); after != live {
		t.Errorf("the front was\n%s\nand is\n%s", live, after)
	}
}

// Where the operator changes no workload, one that has the proxy in its manifest is recorded from the annotation that stands there too, and
// replayed; and its owner takes the proxy out again.
func TestManualInjection(t *testing.T) {
	s := openShop(t)
	s.chooseAnew(t)
	s.kubectl(t, "wait", "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=NotInjected", "trafficcapture/front", "--timeout=60s")

	manifest := kube.DemoManifest(t, "shop.yaml", s.namespace)
	injected, err := kube.Run(t.Context(), manifest, "kubectl", "restage", "inject", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	kube.MustApply(t, injected)
	live := s.live(t)
	s.record(t)
	s.passes(t)
	if after := s.live(t); after != live {
		t.Errorf("the front was\n%s\nand is\n%s", live, after)
	}
	if strings.Contains(live, "restage-capture") {
		t.Errorf("the operator has a say in the front: %s", live)
	}

	restored, err := kube.Run(t.Context(), injected, "kubectl", "restage", "uninject", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	kube.MustApply(t, restored)
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	kube.Eventually(t, time.Minute, "the proxy is out of the front", func() (bool, string) {
		containers := s.kubectl(t, "get", "pods", "-l", "app=front", "-o", "jsonpath={.items[*].spec.initContainers[*].name}")
		return !strings.Contains(containers, "restage-"), containers
	})
	s.kubectl(t, "delete", "trafficreplays,trafficsnapshots,trafficcaptures", "--all", "--timeout=90s")
}
