// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// installWith installs the local build with options, and changes of the printed objects, and waits until all of it is ready. It is removed
// when the test ends.
func installWith(t *testing.T, o manifests.Options, changes ...func(*unstructured.Unstructured)) {
	t.Helper()
	text := printed(t, o, changes...)
	cluster := "clusterroles,clusterrolebindings,priorityclasses"
	if kube.HasPolicies(t) {
		cluster += "," + policyKinds
	}
	t.Cleanup(func() {
		kube.CleanUp(t, 3*time.Minute, "delete", "namespace", system, "--ignore-not-found", "--timeout=160s")
		kube.CleanUp(t, 3*time.Minute, "delete", "-l", "app.kubernetes.io/part-of=restage", "--ignore-not-found", cluster)
		kube.CleanUp(t, 3*time.Minute, "delete", "-l", "app.kubernetes.io/part-of=restage", "--ignore-not-found", "-n", "kube-system", "rolebindings")
	})
	kube.MustApply(t, text)
	awaitReady(t)
}

// printed are the manifests of the local build.
func printed(t *testing.T, o manifests.Options, changes ...func(*unstructured.Unstructured)) string {
	t.Helper()
	o.Registry, o.Tag = "localhost", "dev" // where images are loaded
	objects, err := manifests.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		for _, change := range changes {
			change(object)
		}
	}
	var text strings.Builder
	if err := manifests.Write(&text, objects); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// pods are those of a namespace that hold any image of ours, by the kind of part that they are.
func pods(t *testing.T, namespace string) map[string][]corev1.Pod {
	t.Helper()
	var list corev1.PodList
	if err := json.Unmarshal([]byte(kube.Kubectl(t, "-n", namespace, "get", "pods", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	found := map[string][]corev1.Pod{}
	for _, pod := range list.Items {
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			kind := c.Name
			if kind == wiring.ProxyContainerName && pod.Labels["replay.restage.dev/environment"] != "" {
				kind = "copy"
			}
			found[kind] = append(found[kind], pod)
		}
	}
	return found
}

// Pull secrets and the prefix of a rehosted registry reach every pod that has an image of ours, and the service accounts of all that we
// make; and they leave a workload with its recording proxy.
func TestPullSecretsAndRegistryReachEveryPod(t *testing.T) {
	s := openShop(t)
	before := s.live(t)
	secrets := []string{"first", "second"}
	installWith(t, manifests.Options{ImagePullSecrets: secrets, ClusterName: "west"})
	for _, namespace := range []string{system, s.namespace} {
		for _, name := range secrets {
			kube.Kubectl(t, "-n", namespace, "create", "secret", "docker-registry", name, "--docker-server=localhost", "--docker-username=u", "--docker-password=p")
		}
	}
	s.record(t)
	s.replay(t)

	ours, theirs := pods(t, system), pods(t, s.namespace)
	for kind, found := range map[string][]corev1.Pod{
		"apiserver": ours["apiserver"], "controller": ours["controller"], "forwarder": ours["forwarder"],
		"recorded workload": theirs[wiring.ProxyContainerName], "copy": theirs["copy"], "responder": theirs["responder"], "generator": theirs["generator"],
	} {
		if len(found) == 0 {
			t.Errorf("there is no pod of kind %s", kind)
		}
		for _, pod := range found {
			for _, name := range secrets {
				if !slices.Contains(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name}) {
					t.Errorf("%s %s pulls with %v", kind, pod.Name, pod.Spec.ImagePullSecrets)
				}
			}
			for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				if !strings.HasPrefix(c.Image, "localhost/restage/") {
					t.Errorf("%s %s: image %s of %s", kind, pod.Name, c.Image, c.Name)
				}
			}
		}
	}
	for _, account := range [][2]string{
		{system, "restage-apiserver"}, {system, "restage-controller"}, {system, "restage-forwarder"},
		{s.namespace, "slow-responder"}, {s.namespace, "slow-generator"},
	} {
		names := kube.Kubectl(t, "-n", account[0], "get", "serviceaccount", account[1], "-o", "jsonpath={.imagePullSecrets[*].name}")
		if names != "first second" {
			t.Errorf("ServiceAccount %s pulls with %q", account[1], names)
		}
	}
	if told := s.kubectl(t, "get", "configmap", "slow-generator", "-o", "jsonpath={.data.generator\\.json}"); !strings.Contains(told, `"cluster":"west"`) {
		t.Errorf("the generator does not know the name of the cluster: %s", told)
	}

	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-")
	s.kubectl(t, "delete", "trafficreplays,trafficsnapshots,trafficcaptures", "--all", "--timeout=90s")
	if after := s.live(t); after != before {
		t.Errorf("the front was\n%s\nand is\n%s", before, after)
	}
}

// In an installation for one namespace the whole story works there, and nothing of it reaches another. Whichever way it goes, nothing is left.
func TestNamespaced(t *testing.T) {
	s := openShop(t)
	elsewhere := kube.Namespace(t, "elsewhere")
	kube.Kubectl(t, "create", "namespace", elsewhere)
	kube.Kubectl(t, "-n", elsewhere, "create", "deployment", "front", "--image=localhost/restage/podinfo:current", "--replicas=0")
	kube.Kubectl(t, "-n", elsewhere, "annotate", "deployment/front", "capture.restage.dev/enabled=true")
	kube.Kubectl(t, "-n", elsewhere, "rollout", "status", "deployment/front", "--timeout=60s")
	policyWithParameters(t)
	live, cluster := s.live(t), s.others(kube.TakeSnapshot(t))
	removedBy := func(remove func(*testing.T)) {
		t.Helper()
		s.replay(t)
		remove(t)
		s.unharmed(t, live)
		s.sameAs(t, cluster)
	}
	limits := manifests.Options{Namespaces: []string{s.namespace}}

	installWith(t, limits)
	s.record(t)
	s.limited(t, elsewhere)
	s.onlyWhereKept(t, live, limits)
	removedBy(func(t *testing.T) { kube.Kubectl(t, "delete", "namespace", system, "--timeout=120s") })

	installWith(t, limits)
	s.record(t)
	removedBy(uninstall)

	installWith(t, limits)
	s.record(t)
	removedBy(func(t *testing.T) { s.abandoned(t, limits) })
}

// policyWithParameters makes a policy of the cluster, for kinds that are not ours, with parameters that our server may not read. It is ready all the same.
func policyWithParameters(t *testing.T) {
	t.Helper()
	kube.MustApply(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: of-somebody-else}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [services], operations: [CREATE]}]}
  validations: [{expression: "true"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: of-somebody-else}
spec: {policyName: of-somebody-else, validationActions: [Deny], paramRef: {name: any, parameterNotFoundAction: Allow}}
`)
	t.Cleanup(func() {
		kube.CleanUp(t, time.Minute, "delete", "validatingadmissionpolicies,validatingadmissionpolicybindings", "of-somebody-else")
	})
}

// limited checks that the story works in the namespace of the shop and nowhere else.
func (s *shop) limited(t *testing.T, elsewhere string) {
	t.Helper()
	kube.MustApply(t, strings.ReplaceAll(`
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: try, namespace: NS}
spec: {snapshotName: monday, timeout: 10m}
`, "NS", s.namespace))
	s.kubectl(t, "wait", "--for=condition=Passed", "trafficreplay/try", "--timeout=240s")
	s.kubectl(t, "delete", "trafficreplay", "try", "--timeout=60s")

	if made := kube.Kubectl(t, "-n", elsewhere, "get", "trafficcaptures", "-o", "name"); made != "" {
		t.Errorf("elsewhere there is %s", made)
	}
	_, err := kube.Apply(t, strings.ReplaceAll(`
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficSnapshot
metadata: {name: monday, namespace: NS}
spec: {workloadRef: {name: front}, last: 1m}
`, "NS", elsewhere))
	if err == nil || !strings.Contains(err.Error(), "works in other namespaces only: "+s.namespace) {
		t.Errorf("a snapshot elsewhere: %v", err)
	}
	may := func(account, right, namespace string) string {
		verb, resource, _ := strings.Cut(right, " ")
		answer, _ := kube.Run(t.Context(), "", "kubectl", "auth", "can-i", verb, resource, "-n", namespace, "--as=system:serviceaccount:"+system+":"+account)
		return strings.TrimSpace(answer)
	}
	if answer := may("restage-controller", "patch deployments.apps", s.namespace); answer != "yes" {
		t.Errorf("the controller may patch workloads where it works: %s", answer)
	}
	for _, account := range []string{"restage-controller", "restage-apiserver", "restage-forwarder"} {
		for _, right := range []string{"patch deployments.apps", "get deployments.apps", "create pods", "get secrets", "get serviceaccounts", "get trafficsnapshots.replay.restage.dev"} {
			if answer := may(account, right, elsewhere); answer != "no" {
				t.Errorf("%s may %s elsewhere: %s", account, right, answer)
			}
		}
	}
}
