// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/test/kube"
)

// atCreation is an installation that adds proxies to pods as they are made, and what of it there is on the cluster.
type atCreation struct {
	injection manifests.Injection
	objects   string
	count     int
	// dependent tells that nothing is added while our API server is down.
	dependent bool
}

func TestWebhookInjection(t *testing.T) {
	atCreation{manifests.InjectionWebhook, "mutatingwebhookconfigurations", 1, true}.run(t)
}

// run: an opted-in workload is recorded without a change of it, pods are made whatever becomes of us, and nothing is left.
func (a atCreation) run(t *testing.T) {
	s := openShop(t)
	installWith(t, manifests.Options{Injection: a.injection})
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=90s")
	s.awaitReason(t, "NotInjected", "capture.restage.dev/inject=enabled")

	s.kubectl(t, "patch", "deployment", "front", "-p", `{"spec":{"template":{"metadata":{"labels":{"capture.restage.dev/inject":"enabled"}}}}}`)
	kube.Eventually(t, time.Minute, "what adds proxies is there", func() (bool, string) {
		found := kube.Kubectl(t, "get", a.objects, "-o", "name")
		return strings.Count(found, "restage-pod-injection") == a.count, found
	})
	s.replacePods(t, true)
	live := s.live(t)
	s.record(t)
	if after := s.live(t); after != live || strings.Contains(after, "restage-proxy") {
		t.Errorf("the front was\n%s\nand is\n%s", live, after)
	}
	if with := s.proxies(t, "app=back"); with != "" {
		t.Errorf("pods that are not opted in have %s", with)
	}

	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/sample-percent=50")
	s.awaitReason(t, "RestartNeeded", "former settings")
	a.withoutServer(t, s)
	if !a.dependent {
		s.withoutRoom(t)
	}
	s.refused(t)
	a.ended(t, s)
	uninstall(t)
	if found := kube.Kubectl(t, "get", a.objects+",podtemplates", "-A", "-l", "app.kubernetes.io/part-of=restage", "-o", "name"); found != "" {
		t.Errorf("left behind is %s", found)
	}
	a.keepProxies(t, s)
}

// withoutRoom has the namespace allow no more than a pod asks for without the proxy. New ones come without it then, and it is said why.
func (s *shop) withoutRoom(t *testing.T) {
	t.Helper()
	kube.MustApply(t, "apiVersion: v1\nkind: LimitRange\nmetadata: {name: tight, namespace: "+s.namespace+"}\n"+
		"spec: {limits: [{type: Container, default: {cpu: 100m, memory: 64Mi}, defaultRequest: {cpu: 10m, memory: 16Mi}}, {type: Pod, max: {cpu: 150m, memory: 200Mi}}]}")
	s.replacePods(t, false)
	s.awaitReason(t, "LeftOut", `LimitRange "tight"`)
	s.kubectl(t, "delete", "limitrange/tight")
	s.replacePods(t, true)
	s.awaitReason(t, "Recording", "")
}

// withoutServer makes an opted-in pod while our API server is down. It comes within seconds.
func (a atCreation) withoutServer(t *testing.T, s *shop) {
	t.Helper()
	kube.Kubectl(t, "-n", system, "scale", "deployment/restage-apiserver", "--replicas=0")
	kube.Kubectl(t, "-n", system, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=restage-apiserver", "--timeout=120s")
	former, _ := s.newestReplicaSet(t)
	begin := time.Now()
	s.kubectl(t, "rollout", "restart", "deployment/front")
	kube.Eventually(t, time.Minute, "new pods of the front", func() (bool, string) {
		name, replicas := s.newestReplicaSet(t)
		return name != former && replicas != "" && replicas != "0", name + " " + replicas
	})
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("a pod took %s to be made", took)
	}
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	if with := s.proxies(t, "app=front"); (with == "") != a.dependent {
		t.Errorf("without the API server the pods have %q", with)
	}
	kube.Kubectl(t, "-n", system, "scale", "deployment/restage-apiserver", "--replicas=1")
	awaitReady(t)
	if a.dependent {
		s.awaitReason(t, "RestartNeeded", "rollout restart deployment/front")
		s.kubectl(t, "rollout", "restart", "deployment/front")
	}
	s.awaitReason(t, "Recording", "")
}

// newestReplicaSet is that of the front which was made last, and how many pods it has.
func (s *shop) newestReplicaSet(t *testing.T) (name, replicas string) {
	t.Helper()
	newest := s.kubectl(t, "get", "replicasets", "-l", "app=front", "--sort-by=.metadata.creationTimestamp",
		"-o", "jsonpath={.items[-1:].metadata.name} {.items[-1:].status.replicas}")
	name, replicas, _ = strings.Cut(newest, " ")
	return name, replicas
}

// ended stops the recording: pods stay as they are, and new ones come without the proxy.
func (a atCreation) ended(t *testing.T, s *shop) {
	t.Helper()
	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-", "capture.restage.dev/sample-percent-")
	s.kubectl(t, "wait", "--for=delete", "trafficcapture/front", "--timeout=60s")
	if with := s.proxies(t, "app=front"); with == "" {
		t.Error("the pods that were recorded were replaced")
	}
	kube.Eventually(t, time.Minute, "the owner is told", func() (bool, string) {
		events := s.kubectl(t, "get", "events", "--field-selector=reason=CaptureEnded", "-o", "jsonpath={.items[*].message}")
		return strings.Contains(events, "until they are replaced"), events
	})
	if !a.dependent {
		kube.Eventually(t, time.Minute, "nothing is left to add", func() (bool, string) {
			found := kube.Kubectl(t, "get", a.objects, "-o", "name")
			return !strings.Contains(found, "restage-pod-injection"), found
		})
	}
	s.replacePods(t, false)
}

// replacePods replaces the pods of the front until new ones come with the proxy, or without: kube-apiserver takes note of a policy within seconds.
func (s *shop) replacePods(t *testing.T, wanted bool) {
	t.Helper()
	kube.Eventually(t, 2*time.Minute, fmt.Sprintf("pods with the proxy: %t", wanted), func() (bool, string) {
		s.kubectl(t, "rollout", "restart", "deployment/front")
		s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
		with := s.proxies(t, "app=front")
		return (with != "") == wanted, with
	})
}

// proxies are the containers of ours in pods that are not ending.
func (s *shop) proxies(t *testing.T, selector string) string {
	t.Helper()
	return strings.TrimSpace(s.kubectl(t, "get", "pods", "-l", selector, "-o",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{range .spec.initContainers}}{{if eq .name "restage-proxy"}}proxy {{end}}{{end}}{{end}}{{end}}`))
}

func (s *shop) awaitReason(t *testing.T, reason, message string) {
	t.Helper()
	kube.Eventually(t, 2*time.Minute, fmt.Sprintf("the capture is %s", reason), func() (bool, string) {
		ready := s.kubectl(t, "get", "trafficcapture", "front", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].reason}: {.status.conditions[?(@.type=="Ready")].message}`)
		return strings.HasPrefix(ready, reason+":") && strings.Contains(ready, message), ready
	})
}

// The policy needs nothing of ours as a pod is made.
func TestPolicyInjection(t *testing.T) {
	atCreation{manifests.InjectionPolicy, "mutatingadmissionpolicies,mutatingadmissionpolicybindings", 7, false}.run(t)
}
