// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/injection"
	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

const policyKinds = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"

// leftAlone waits until the front is as it was, and its capture says why it is not recorded; nor can kubectl restage inject put a proxy into it.
func (s *shop) leftAlone(t *testing.T, live, why string) {
	t.Helper()
	s.awaitReason(t, "NotInjected", why)
	kube.Eventually(t, time.Minute, "the front is as it was", func() (bool, string) {
		now := s.live(t)
		return now == live, now
	})
	out, err := kube.Run(t.Context(), "", "kubectl", "restage", "inject", "-n", s.namespace, "deploy/front")
	if err == nil || !strings.Contains(err.Error(), "MutatingAdmissionPolicy") || !strings.Contains(err.Error(), "put the proxy into its manifest with -f") {
		t.Errorf("inject: %v\n%s", err, out)
	}
}

// onlyWhereKept takes away one of the policies, without which no template is changed, and has whoever installs Restage for some namespaces bring it back: the
// controller has given back the right to.
func (s *shop) onlyWhereKept(t *testing.T, live string, o manifests.Options) {
	t.Helper()
	s.gaveBack(t)
	kube.Kubectl(t, "delete", policyKinds, wiring.PodQuotas)
	s.leftAlone(t, live, "kubectl restage install --namespaces "+s.namespace)
	if d := check(t, "-n", s.namespace); !(verdict{"injection", "Failed", "there is no MutatingAdmissionPolicy " + wiring.PodQuotas, "--namespaces " + s.namespace}).saidBy(d.trouble()) {
		t.Errorf("check says %+v", d)
	}
	installWith(t, o)
	s.awaitReason(t, "Recording", "")
	s.gaveBack(t)
	if d := check(t, "-n", s.namespace); d.trouble() != (verdict{}) {
		t.Errorf("check says %+v", d)
	}
}

// gaveBack waits until the controller can make no policy any more, and checks that it cannot take the right again.
func (s *shop) gaveBack(t *testing.T) {
	t.Helper()
	const account = "--as=system:serviceaccount:" + system + ":restage-controller"
	kube.Eventually(t, time.Minute, "the right to make policies to be given back", func() (bool, string) {
		out, _ := kube.Run(t.Context(), "", "kubectl", "auth", "can-i", "patch", "mutatingadmissionpolicies.admissionregistration.k8s.io/"+wiring.TemplateVolumes, account)
		return strings.TrimSpace(out) == "no", out
	})
	patch := `{"subjects":[{"kind":"ServiceAccount","name":"restage-controller","namespace":"` + system + `"}]}`
	out, err := kube.Run(t.Context(), "", "kubectl", "patch", "clusterrolebinding", safeguards.Role, "-p", patch, account)
	if err == nil || !strings.Contains(err.Error(), "cannot patch resource \"clusterrolebindings\"") {
		t.Errorf("taking the right again: %v\n%s", err, out)
	}
}

// abandoned deletes the manifests while nothing of Restage is alive to clear up. What is left refuses nobody, and the rescue removes it.
func (s *shop) abandoned(t *testing.T, o manifests.Options) {
	t.Helper()
	kube.MustApply(t, s.drawer("[{name: drawer, emptyDir: {}}]"))
	s.kubectl(t, "wait", "deployment/drawer", "--for=jsonpath={.spec.template.spec.initContainers[0].name}="+wiring.ProxyContainerName, "--timeout=60s")
	kube.Kubectl(t, "-n", system, "scale", "deployment", "--all", "--replicas=0")
	kube.Kubectl(t, "-n", system, "delete", "pods", "--all", "--grace-period=0", "--force")
	if _, err := kube.Run(t.Context(), printed(t, o), "kubectl", "delete", "-f", "-", "--wait=false"); err != nil {
		t.Fatal(err)
	}
	kube.MustApply(t, s.drawer("null"))
	kube.Kubectl(t, "label", "namespace", s.namespace, injection.EnforceLabel+"=baseline")
	s.kubectl(t, "delete", "pods", "-l", "app=front", "--timeout=60s")
	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=60s")
	kube.Kubectl(t, "label", "namespace", s.namespace, injection.EnforceLabel+"-")
	if found := s.proxies(t, "app=front"); found != "" {
		t.Errorf("where its namespace does not allow it the front has the proxy: %s", found)
	}
	restage(t, "uninstall", "--yes", "--rescue")
	s.kubectl(t, "delete", "deployment", "drawer")
}

// TestOldCluster is for a cluster without MutatingAdmissionPolicy. Nothing there could keep a template whole, so that none is changed; pods get the proxy as they are
// made, as the wizard chooses. What is left when all of it is killed at once refuses nobody.
func TestOldCluster(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	if kube.HasPolicies(t) {
		t.Skip("this cluster has MutatingAdmissionPolicy")
	}
	s := openShop(t)
	live := s.live(t)
	cluster := s.others(kube.TakeSnapshot(t))
	installWith(t, manifests.Options{})
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.leftAlone(t, live, "--injection="+wiring.InjectionWebhook)
	if d := check(t, "-n", s.namespace); !(verdict{"injection", "Failed", "which this cluster does not have", "--injection=" + wiring.InjectionWebhook}).saidBy(d.trouble()) {
		t.Errorf("check says %+v", d)
	}

	uninstall(t)
	s.sameAs(t, cluster)

	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-")
	wizard(t, s, "kubectl restage install --injection webhook --registry localhost --tag dev | kubectl apply -f -")
	live = s.live(t)
	s.record(t)
	s.passes(t)
	s.kubectl(t, "delete", "trafficreplays", "--all", "--timeout=60s")
	s.replay(t)
	kube.MustApply(t, s.drawer("[{name: drawer, emptyDir: {}}]"))
	if after := s.live(t); after != live {
		t.Errorf("the front was\n%s\nand is\n%s", live, after)
	}

	kube.Kubectl(t, "delete", "namespace", system, "--wait=false")
	kube.Kubectl(t, "-n", system, "delete", "pods", "--all", "--grace-period=0", "--force")
	kube.MustApply(t, s.drawer("null"))
	var spec corev1.PodSpec
	if err := json.Unmarshal([]byte(s.kubectl(t, "get", "deployment", "drawer", "-o", "jsonpath={.spec.template.spec}")), &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Volumes) > 0 || len(spec.InitContainers) > 0 {
		t.Errorf("the drawer is %+v", spec)
	}
	s.kubectl(t, "create", "deployment", "probe", "--image=localhost/restage/podinfo:current", "--replicas=0")
	s.kubectl(t, "delete", "deployment", "probe", "drawer")
	s.leaves(t, "--rescue")
	s.keepsServing(t)
	s.replacePods(t, false)
	s.accepting(t)
	s.sameAs(t, cluster)
}
