// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package lifecycle tests how Restage comes to a cluster and how it goes: hack/e2e-lifecycle.sh. Each test installs it in its
// own way and removes it.
package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

const (
	system     = "restage-system"
	apiService = "v1alpha1.replay.restage.dev"
	// dev is the installation of a local build.
	dev = "../../artifacts/dev"
)

// install installs Restage and waits until all of it is ready.
func install(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "apply", "-k", dev)
	awaitReady(t)
}

// awaitReady waits until the API answers and the operator and the forwarder are ready.
func awaitReady(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "-n", system, "rollout", "status", "deployment/restage-apiserver", "--timeout=180s")
	kube.Kubectl(t, "wait", "--for=create", "apiservice/"+apiService, "--timeout=120s")
	kube.Kubectl(t, "wait", "--for=condition=Available", "apiservice/"+apiService, "--timeout=120s")
	kube.Kubectl(t, "-n", system, "wait", "--for=create", "deployment/restage-forwarder", "--timeout=120s")
	for _, name := range []string{"restage-forwarder", "restage-controller"} {
		kube.Kubectl(t, "-n", system, "rollout", "status", "deployment/"+name, "--timeout=180s")
	}
}

// shop is the demo's application in a namespace of its own. Its front carries the annotation that has it recorded wherever Restage
// is installed; that is the user's and stays.
type shop struct {
	namespace string
}

// openShop deploys the application. It needs no Restage.
func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{kube.Namespace(t, "lifecycle")}
	kube.MustApply(t, kube.DemoManifest(t, "shop.yaml", s.namespace))
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	return s
}

func (s *shop) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kube.Kubectl(t, append([]string{"-n", s.namespace}, args...)...)
}

// record waits until the front is recorded, sends it requests for four seconds and cuts the snapshot monday.
func (s *shop) record(t *testing.T) {
	t.Helper()
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	s.kubectl(t, "run", "visitor", "--image=localhost/restage/client:dev", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--",
		"/bin/sh", "-c", `for i in $(seq 1 8); do curl -sS -d "hello $i" http://front:9898/echo; echo; sleep 0.5; done`)
	s.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/visitor", "--timeout=120s")
	s.kubectl(t, "delete", "pod", "visitor", "--wait=false")
	kube.MustApply(t, strings.ReplaceAll(kube.DemoManifest(t, "snapshot.yaml", s.namespace), "last: 1m", "last: 10m"))
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/monday", "--timeout=60s")
}

// replays are one that sends what was recorded ten times slower, which takes 40 seconds, and one that serves mocks.
const replays = `
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: slow, namespace: NS}
spec: {snapshotName: monday, timeout: 20m, profile: {load: {speed: "0.1"}}}
---
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: mocks, namespace: NS}
spec: {snapshotName: monday, timeout: 20m, mode: MocksOnly}
`

// replay starts two replays that do not end by themselves for a good while, and returns when both run and the operator holds
// their finalizers, and those of the capture and the snapshot.
func (s *shop) replay(t *testing.T) {
	t.Helper()
	kube.MustApply(t, strings.ReplaceAll(replays, "NS", s.namespace))
	for _, name := range []string{"slow", "mocks"} {
		s.kubectl(t, "wait", "--for=condition=Running", "trafficreplay/"+name, "--timeout=120s")
	}
	kube.Eventually(t, time.Minute, "all finalizers are held", func() (bool, string) {
		held := s.kubectl(t, "get", "trafficcaptures,trafficsnapshots,trafficreplays", "-o", "jsonpath={range .items[*]}{.metadata.name}={.metadata.finalizers} {end}")
		return strings.Count(held, "replay.restage.dev/") == 4, held
	})
}

// live is what nobody but its users may change of the front: the desired state, and who else has a say in it.
func (s *shop) live(t *testing.T) string {
	t.Helper()
	managers := strings.Fields(s.kubectl(t, "get", "deployment", "front", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"))
	slices.Sort(managers) // they come by the time of their last change
	return fmt.Sprintf("template: %s\nmanagers: %v", s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.spec}"), managers)
}
