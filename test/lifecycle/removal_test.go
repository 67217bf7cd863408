// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// madeKinds are the kinds of what Restage makes in the namespaces of users.
const madeKinds = "deployments,jobs,services,configmaps,secrets,roles,rolebindings,serviceaccounts,pods"

// TestRemoval removes Restage, or a part of it, in every way that somebody may think of, each time while replays run and finalizers are held.
func TestRemoval(t *testing.T) {
	s := openShop(t)
	s.kubectl(t, "patch", "deployment", "front", "--type=merge", "-p", `{"spec":{"revisionHistoryLimit":0}}`) // as if its owner had changed it since it is recorded
	live := s.live(t)
	cluster := s.others(kube.TakeSnapshot(t))
	for _, removal := range []struct {
		name   string
		remove func(t *testing.T)
		// partial removals leave something of the installation, which the next one completes
		partial bool
	}{
		{"operator alone", func(t *testing.T) {
			kube.Kubectl(t, "-n", system, "delete", "deployment", "restage-controller", "--timeout=60s")
			s.unharmed(t, live)
			s.released(t)
		}, true},
		{"API server alone", func(t *testing.T) {
			kube.Kubectl(t, "-n", system, "delete", "deployment", "restage-apiserver", "--timeout=60s")
			s.unharmed(t, live)
		}, true},
		{"registration", func(t *testing.T) {
			kube.Kubectl(t, "delete", "apiservice", apiService, "--timeout=60s")
			kube.Kubectl(t, "wait", "--for=create", "apiservice/"+apiService, "--timeout=30s")
			kube.Kubectl(t, "wait", "--for=condition=Available", "apiservice/"+apiService, "--timeout=60s")
			s.accepting(t)
			s.released(t)
		}, true},
		{"printed manifests", func(t *testing.T) {
			deletePrinted(t)
			s.unharmed(t, live)
		}, false},
		{"namespace", func(t *testing.T) {
			kube.Kubectl(t, "delete", "namespace", system, "--timeout=120s")
			s.unharmed(t, live)
		}, false},
		{"namespace with pods killed", func(t *testing.T) {
			kube.MustApply(t, s.drawer("[{name: drawer, emptyDir: {}}]"))
			s.kubectl(t, "wait", "deployment/drawer", "--for=jsonpath={.spec.template.spec.initContainers[0].name}="+wiring.ProxyContainerName, "--timeout=60s")
			kube.Kubectl(t, "delete", "namespace", system, "--wait=false")
			kube.Kubectl(t, "-n", system, "delete", "pods", "--all", "--grace-period=0", "--force")
			kube.MustApply(t, s.drawer("null"))
			s.rescued(t)
			if containers := s.kubectl(t, "get", "deployment", "drawer", "-o", "jsonpath={.spec.template.spec['initContainers','containers','volumes'][*].name}"); containers != "drawer" {
				t.Errorf("the drawer has %s", containers)
			}
			s.kubectl(t, "delete", "deployment", "drawer")
			s.unharmed(t, live)
		}, false},
		{"namespace with a former template held", func(t *testing.T) {
			s.leavesHeld(t)
			s.unharmed(t, live)
		}, false},
		{"uninstall", func(t *testing.T) {
			out := restage(t, "uninstall", "--yes", "-o", "json")
			if !strings.Contains(out, `"kind": "ClusterRole"`) || strings.Contains(out, `"left"`) {
				t.Errorf("it said %s", out)
			}
			s.unharmed(t, live)
			if out := restage(t, "uninstall", "--yes", "-o", "json"); !strings.Contains(out, `"removed": []`) {
				t.Errorf("the second time it removed %s", out)
			}
		}, false},
	} {
		t.Run(strings.ReplaceAll(removal.name, " ", "-"), func(t *testing.T) {
			begin := time.Now()
			install(t)
			s.kubectl(t, "delete", "trafficreplays,environments,trafficsnapshots", "--all", "--timeout=60s") // of the one before
			s.record(t)
			s.replay(t)
			ready := time.Now()
			removal.remove(t)
			if !removal.partial {
				s.sameAs(t, cluster)
			}
			t.Logf("installed and replaying after %s, removed and looked at after %s more", ready.Sub(begin).Round(time.Second), time.Since(ready).Round(time.Second))
		})
	}
}

// drawer is a Deployment that is to be recorded, with volumes that nobody mounts. An apply that takes the last of them away takes ours along.
func (s *shop) drawer(volumes string) string {
	return s.recorded("drawer", "replicas: 0", "volumes: "+volumes)
}

// recorded is a Deployment that is to be recorded, with one field more of its spec, and one of that of its pods.
func (s *shop) recorded(name, field, ofPods string) string {
	return strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "FIELD", field, "OFPODS", ofPods).Replace(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NAMESPACE, annotations: {capture.restage.dev/enabled: "true"}}
spec:
  FIELD
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers: [{name: NAME, image: localhost/restage/podinfo:current, ports: [{containerPort: 9898}]}]
      OFPODS
`)
}

// rescued checks that Deployments are accepted although no part of Restage had a chance to clear up, and does what is to be done then.
func (s *shop) rescued(t *testing.T) {
	t.Helper()
	s.kubectl(t, "create", "deployment", "probe", "--image=localhost/restage/podinfo:current", "--replicas=0")
	s.kubectl(t, "delete", "deployment", "probe")
	restage(t, "uninstall", "--rescue", "--yes")
}

// accepting checks at once that Deployments are accepted, and that an unrelated namespace goes.
func (s *shop) accepting(t *testing.T) {
	t.Helper()
	const unrelated = "lifecycle-unrelated"
	kube.Kubectl(t, "create", "namespace", unrelated)
	kube.Kubectl(t, "-n", unrelated, "create", "deployment", "probe", "--image=localhost/restage/podinfo:current", "--replicas=0")
	begin := time.Now()
	kube.Kubectl(t, "delete", "namespace", unrelated, "--timeout=60s")
	t.Logf("an unrelated namespace went in %s", time.Since(begin).Round(100*time.Millisecond))
}

// unharmed checks that the cluster works, that the front is as it was, and that nothing is left of what was made around it.
func (s *shop) unharmed(t *testing.T, live string) {
	t.Helper()
	s.accepting(t)
	kube.Eventually(t, time.Minute, "the front is as it was", func() (bool, string) {
		now := s.live(t)
		return now == live, now
	})
	kube.Eventually(t, time.Minute, "nothing is left around the front", func() (bool, string) {
		left := s.kubectl(t, "get", madeKinds, "-l", "app.kubernetes.io/part-of=restage", "-o", "name") +
			s.kubectl(t, "get", madeKinds, "-l", "replay.restage.dev/component", "-o", "name")
		return left == "", left
	})
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	if left := s.proxies(t, "app=front"); left != "" {
		t.Errorf("its pods have %s", left)
	}
}

// released checks that all objects of the API can be deleted, which must be there.
func (s *shop) released(t *testing.T) {
	t.Helper()
	s.kubectl(t, "annotate", "trafficreplay/slow", "lifecycle.restage.dev/edited=yes")
	s.kubectl(t, "delete", "trafficreplays,environments,trafficsnapshots", "--all", "--timeout=60s")
}

// others are all objects but those of the shop, whose pods come and go.
func (s *shop) others(snapshot kube.Snapshot) kube.Snapshot {
	maps.DeleteFunc(snapshot, func(name, _ string) bool { return strings.Contains(name, s.namespace) })
	return snapshot
}

// sameAs checks that nothing outside of the shop's namespace differs from what was there before.
func (s *shop) sameAs(t *testing.T, before kube.Snapshot) {
	t.Helper()
	kube.Eventually(t, 90*time.Second, "the cluster is as it was (- before, + now)", func() (bool, string) {
		difference := before.Difference(s.others(kube.TakeSnapshot(t)))
		return difference == "", difference
	})
}
