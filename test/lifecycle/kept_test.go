// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"strings"
	"testing"
	"time"

	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/test/kube"
)

// restart replaces the pods of the front.
const restart = "rollout restart deployment/front"

// refused: it is not uninstalled while pods would keep the proxy, unless that is wanted.
func (s *shop) refused(t *testing.T) {
	t.Helper()
	out, err := kube.Run(t.Context(), "", "kubectl", "restage", "uninstall", "--yes")
	if err == nil || !strings.Contains(out, "In the way:\n  Deployment "+s.namespace+"/front: 1 of its pods keep") || !strings.Contains(out, restart) {
		t.Errorf("uninstall: %v\n%s", err, out)
	}
	kube.Kubectl(t, "-n", system, "wait", "--for=condition=Available", "deployment/restage-controller", "--timeout=60s")
}

// keepProxies removes the installation in each way while pods have the proxy that was added as they were made. They keep it and serve, they are named with
// what replaces them, new pods come without, and nothing else is left.
func (a atCreation) keepProxies(t *testing.T, s *shop) {
	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled=true")
	ways := map[string]func(*testing.T){
		"namespace": func(t *testing.T) { kube.Kubectl(t, "delete", "namespace", system, "--timeout=120s") },
		"killed": func(t *testing.T) {
			kube.Kubectl(t, "delete", "namespace", system, "--wait=false")
			kube.Kubectl(t, "-n", system, "delete", "pods", "--all", "--grace-period=0", "--force")
			begin := time.Now()
			s.kubectl(t, "run", "probe", "--image=localhost/restage/podinfo:current", "--labels=capture.restage.dev/inject=enabled")
			s.kubectl(t, "delete", "pod", "probe", "--wait=false")
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("with nothing of ours alive a pod is made and deleted in %s", took)
			}
			s.leaves(t, "--rescue")
		},
	}
	if !a.dependent { // once is enough: what is deleted then is what is deleted in order
		ways["forced"] = s.forced
	}
	for name, remove := range ways {
		t.Run(name, func(t *testing.T) {
			installWith(t, manifests.Options{Injection: a.injection})
			s.replacePods(t, true)
			begin := time.Now()
			remove(t)
			s.accepting(t)
			s.keepsServing(t)
			if found := kube.Kubectl(t, "get", a.objects+",podtemplates", "-A", "-l", "app.kubernetes.io/part-of=restage", "-o", "name"); found != "" {
				t.Errorf("left behind is %s", found)
			}
			s.replacePods(t, false)
			if out := restage(t, "uninstall", "--yes", "-o", "json"); !strings.Contains(out, `"removed": []`) || strings.Contains(out, `"left"`) {
				t.Errorf("after all pods were replaced there is %s", out)
			}
			t.Logf("removed and looked at after %s", time.Since(begin).Round(time.Second))
		})
	}
}

func (s *shop) forced(t *testing.T) { s.leaves(t, "--force") }

// leaves uninstalls and checks that the pods of the front, and nothing else, are said to be left.
func (s *shop) leaves(t *testing.T, flag string) {
	t.Helper()
	out, err := kube.Run(t.Context(), "", "kubectl", "restage", "uninstall", "--yes", flag)
	if err == nil || !strings.Contains(out, "Left behind:\n  Deployment "+s.namespace+"/front: ") || strings.Count(out, "\n  ") != 1 {
		t.Errorf("uninstall %s: %v\n%s", flag, err, out)
	}
}

// keepsServing checks that the front answers through the proxy that it has, and asks its back end, and that it is known how the proxy goes.
func (s *shop) keepsServing(t *testing.T) {
	t.Helper()
	if s.proxies(t, "app=front") == "" {
		t.Error("the pods were replaced")
	}
	echo := "/api/v1/namespaces/" + s.namespace + "/services/front:9898/proxy/echo"
	if answer, err := kube.Run(t.Context(), `"still here"`, "kubectl", "create", "--raw", echo, "-f", "-"); err != nil || !strings.Contains(answer, "still here") {
		t.Errorf("the front answers %q, %v", answer, err)
	}
	status, err := kube.Run(t.Context(), "", "kubectl", "restage", "status")
	if err == nil || !strings.Contains(status, "KEEPS THE PROXY") || !strings.Contains(status, "kubectl -n "+s.namespace+" "+restart) {
		t.Errorf("status: %v\n%s", err, status)
	}
}
