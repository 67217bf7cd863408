// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/test/kube"
)

// What owners ask for in these pods.
const (
	asking  = "resources: {requests: {cpu: 100m, memory: 100Mi}, limits: {cpu: 200m, memory: 200Mi}}"
	storing = "resources: {requests: {cpu: 100m, memory: 100Mi, ephemeral-storage: 1Mi}, limits: {cpu: 200m, memory: 200Mi, ephemeral-storage: 1Mi}}"
	silent  = "env: []"
)

// limitRange and quota are those of a namespace; the latter as if as much of it was in use.
func limitRange(items string) string {
	return "apiVersion: v1\nkind: LimitRange\nmetadata: {name: limits}\nspec: {limits: [" + items + "]}\n"
}

func quota(hard, used string) string {
	for counted := range strings.SplitSeq(hard, ", ") {
		if name, _, _ := strings.Cut(counted, ":"); !strings.HasPrefix(used, name+":") {
			used += ", " + name + ": 0"
		}
	}
	return fmt.Sprintf("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: quota}\nspec: {hard: {%s}}\nstatus: {hard: {%[1]s}, used: {%s}}\n", hard, strings.TrimPrefix(used, ", "))
}

// defaults of a LimitRange.
const defaults = "default: {cpu: 1, memory: 256Mi}, defaultRequest: {cpu: 150m, memory: 128Mi}"

// fit is a namespace, a pod of it, and what becomes of the proxy.
type fit struct {
	name, labels, constraint string
	pod, container           string // what their owner says
	want                     string // what the proxy asks for; empty when there is none
}

var fits = []fit{
	{"nothing", "", "", "", asking, "cpu 20m- memory 64Mi-512Mi"},
	{"privileged", "privileged", "", "", silent, "cpu 20m- memory 64Mi-512Mi"},
	{"baseline", "baseline", "", "", asking, ""},
	{"restricted", "restricted", "", "", "securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}", ""},

	{"defaults", "", limitRange("{type: Container, " + defaults + "}"), "", silent, "cpu 20m-1 memory 64Mi-512Mi"},
	{"minimum", "", limitRange("{type: Container, min: {cpu: 50m, memory: 100Mi}, " + defaults + "}"), "", silent, "cpu 50m-1 memory 100Mi-512Mi"},
	{"minimum alone", "", limitRange("{type: Container, min: {cpu: 50m}}"), "", silent, "cpu 50m- memory 64Mi-512Mi"},
	{"maximum", "", limitRange("{type: Container, max: {memory: 256Mi}}"), "", silent, "cpu 20m- memory 64Mi-256Mi"},
	{"small maximum", "", limitRange("{type: Container, max: {memory: 100Mi}}"), "", silent, ""},
	{"default below ours", "", limitRange("{type: Container, default: {cpu: 10m}}"), "", silent, ""},
	{"ratio", "", limitRange("{type: Container, maxLimitRequestRatio: {memory: 2}, " + defaults + "}"), "", asking, ""},
	{"ratio without defaults", "", limitRange("{type: Container, maxLimitRequestRatio: {memory: 2}}"), "", asking, ""},
	{"pods", "", limitRange("{type: Pod, max: {memory: 220Mi}}"), "", asking, "cpu 0-0 memory 0-0"},
	{"pods by ratio", "", limitRange("{type: Pod, maxLimitRequestRatio: {memory: 2}}"), "", asking, "cpu 0-0 memory 0-0"},
	{"pods by minimum", "", limitRange("{type: Pod, min: {memory: 1Gi}}"), "", "resources: {requests: {memory: 1Gi}}", ""},
	{"devices", "", limitRange("{type: Container, default: {example.com/device: 1}}"), "", silent, ""},
	{"two ranges", "", limitRange("{type: Container, min: {cpu: 50m}}") + "---\n" +
		strings.Replace(limitRange("{type: Container, max: {memory: 256Mi}}"), "name: limits", "name: more", 1), "", silent, "cpu 50m- memory 64Mi-256Mi"},
	{"pods and minimum", "", limitRange("{type: Pod, max: {memory: 220Mi}}, {type: Container, min: {memory: 1Mi}}"), "", asking, ""},
	{"minimum too much for pods", "", limitRange("{type: Pod, max: {memory: 220Mi}}, {type: Container, min: {memory: 80Mi}}"), "", asking, ""},

	{"room", "", quota("requests.cpu: 1, requests.memory: 1Gi, limits.memory: 2Gi", ""), "", asking, "cpu 20m- memory 64Mi-512Mi"},
	{"no room", "", quota("requests.cpu: 1", "requests.cpu: 890m"), "", asking, "cpu 0-0 memory 0-0"},
	{"no room for the limit", "", quota("limits.memory: 2Gi", "limits.memory: 1800Mi"), "", asking, "cpu 0-0 memory 0-0"},
	{"to be said", "", quota("limits.cpu: 10", ""), "", asking, "cpu 0-0 memory 0-0"},
	{"to be said, maximum", "", quota("requests.cpu: 4", "") + "---\n" + limitRange("{type: Container, max: {memory: 256Mi}}"), "", asking, "cpu 20m- memory 64Mi-256Mi"},
	{"other pods", "", strings.Replace(quota("limits.cpu: 10", ""), "spec: {", "spec: {scopes: [Terminating], ", 1), "", asking, "cpu 20m- memory 64Mi-512Mi"},
	{"fits exactly", "", quota("requests.cpu: 1", "requests.cpu: 880m"), "", asking, "cpu 20m- memory 64Mi-512Mi"},
	{"no room for the overhead", "", quota("requests.cpu: 1", "requests.cpu: 800m"), "runtimeClassName: heavy", asking, "cpu 0-0 memory 0-0"},
	{"other counts", "", quota("pods: 10, requests.ephemeral-storage: 1Gi", ""), "", storing, "cpu 20m- memory 64Mi-512Mi"},
	{"best effort", "", strings.Replace(quota("pods: 1", "pods: 1"), "spec: {", "spec: {scopes: [NotBestEffort], ", 1), "", silent, "cpu 0-0 memory 0-0"},
	{"no best effort", "", strings.Replace(quota("pods: 2", "pods: 1"), "spec: {", "spec: {scopes: [NotBestEffort], ", 1), "", asking, "cpu 20m- memory 64Mi-512Mi"},
	{"no room, minimum", "", quota("cpu: 1", "cpu: 900m") + "---\n" + limitRange("{type: Container, min: {cpu: 10m}}"), "", asking, ""},
	{"no room for the minimum", "", quota("requests.cpu: 1", "requests.cpu: 860m") + "---\n" + limitRange("{type: Container, min: {cpu: 50m}}"), "", asking, ""},
	{"no room for storage", "", quota("requests.ephemeral-storage: 1Gi", "requests.ephemeral-storage: 1020Mi") + "---\n" +
		limitRange("{type: Container, default: {ephemeral-storage: 10Mi}}"), "", storing, ""},
	{"to be said, defaults", "", quota("limits.cpu: 10", "") + "---\n" + limitRange("{type: Container, "+defaults+"}"), "", silent, "cpu 20m-1 memory 64Mi-512Mi"},

	{"resources of the pod", "", limitRange("{type: Container, " + defaults + "}"), asking, asking, "cpu 0-0 memory 0-0"},
	{"resources of the pod, minimum", "", limitRange("{type: Container, min: {cpu: 10m}, " + defaults + "}"), asking, asking, ""},
	{"limits of the pod", "", "", "resources: {limits: {cpu: 200m, memory: 200Mi}}", silent, "cpu - memory -"},
	{"limits of the pod, defaults", "", limitRange("{type: Container, default: {cpu: 50m}}"), "resources: {limits: {cpu: 200m, memory: 200Mi}}", silent, "cpu 0-0 memory -"},
	{"resources of the pod, quota", "", quota("limits.cpu: 10, requests.cpu: 100m", ""), asking, asking, "cpu - memory -"},
}

// namespace makes the one that a pod is to fit into.
func (f fit) namespace(k kept) string {
	k.Helper()
	name := strings.NewReplacer(" ", "-", ",", "").Replace(f.name)
	k.kubectl("", "create", "namespace", name)
	if f.labels != "" {
		k.kubectl("", "label", "namespace", name, injection.EnforceLabel+"="+f.labels)
	}
	k.constrain(name, f.constraint)
	return name
}

// TestPodsAreLetIn makes pods with a recording proxy in namespaces that have become stricter, with nothing alive of Restage but its policies: each is let in that is let in
// without the proxy, and has it where that can be.
func TestPodsAreLetIn(t *testing.T) {
	host, _ := fittingHost(t)
	host.kubectl(policies(t), "apply", "-f", "-")
	for _, test := range fits {
		t.Run(test.name, func(t *testing.T) {
			k := kept{T: t, kubeconfig: host.kubeconfig}
			namespace := test.namespace(k)
			plain := podOf(t, test.pod, test.container)
			recorded := *plain.DeepCopy()
			template := corev1.PodTemplateSpec{Spec: recorded.Spec}
			injection.Capture(injection.CaptureOptions{Image: "proxy:1", Template: template, TLS: injection.TLS{Outbound: true}}).AddTo(&template)
			recorded.Name, recorded.Spec = "recorded", template.Spec
			var made corev1.Pod
			if err := json.Unmarshal([]byte(k.kubectl(encoded(t, plain), "create", "-n", namespace, "--dry-run=server", "-o", "json", "-f", "-")), &made); err != nil {
				t.Fatal(err)
			}
			var got corev1.Pod
			kube.Eventually(t, 30*time.Second, "the policies to be known", func() (bool, string) {
				out, err := kube.Run(t.Context(), encoded(t, recorded), "kubectl", "--kubeconfig", k.kubeconfig, "-n", namespace, "create", "-o", "json", "-f", "-")
				if err != nil {
					return false, err.Error()
				}
				return true, fmt.Sprint(json.Unmarshal([]byte(out), &got))
			})
			if asks := proxyOf(got); asks != test.want {
				t.Errorf("the proxy asks for %q, wanted is %q; annotations %v", asks, test.want, got.Annotations)
			}
			if diff := cmp.Diff(made.Spec.Resources, got.Spec.Resources); diff != "" {
				t.Errorf("the pod does not ask for what it asks for without the proxy: %s", diff)
			}
			said := got.Annotations[v1alpha1.AnnotationProxyLeftOut]
			if (said == "") != (test.want != "") {
				t.Errorf("it is said that it is left out: %q", said)
			}
			if test.want != "" {
				return
			}
			got.Annotations, plain.Annotations = nil, nil
			want := plain.Spec
			if diff := diffOfPods(want, got.Spec); diff != "" {
				t.Errorf("without the proxy the pod is not as its owner has it: %s", diff)
			}
		})
	}
}

// heavy is a RuntimeClass that some of the pods have.
const heavy = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: heavy}\nhandler: heavy\noverhead: {podFixed: {cpu: 90m}}\n"

// fittingHost is a hostWithPolicies that has a RuntimeClass.
func fittingHost(t *testing.T) (kept, kubernetes.Interface) {
	t.Helper()
	kubeconfig, config := hostWithPolicies(t)
	host := kept{T: t, kubeconfig: kubeconfig}
	host.kubectl(heavy, "apply", "-f", "-")
	return host, kubernetes.NewForConfigOrDie(config)
}

// constrain applies LimitRanges and quotas, whose status nobody else writes here.
func (k kept) constrain(namespace, manifests string) {
	k.Helper()
	for manifest := range strings.SplitSeq(manifests, "---\n") {
		if manifest == "" {
			continue
		}
		k.kubectl(manifest, "apply", "-n", namespace, "-f", "-")
		if strings.Contains(manifest, "ResourceQuota") {
			k.kubectl(manifest, "replace", "-n", namespace, "--subresource=status", "-f", "-")
		}
	}
}

func podOf(t *testing.T, pod, container string) (p corev1.Pod) {
	t.Helper()
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: plain}\nspec:\n  serviceAccountName: default\n  initContainers: [{name: prepare, image: app:1, " + container + "}]\n  containers: [{name: app, image: app:1, " + container + "}]\n  " + pod
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func encoded(t *testing.T, object any) string {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// proxyOf says what the proxy of a pod asks for.
func proxyOf(pod corev1.Pod) string {
	i := slices.IndexFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "restage-proxy" })
	if i < 0 {
		return ""
	}
	said := func(list corev1.ResourceList, name corev1.ResourceName) string {
		if quantity, ok := list[name]; ok {
			return quantity.String()
		}
		return ""
	}
	r := pod.Spec.InitContainers[i].Resources
	return fmt.Sprintf("cpu %s-%s memory %s-%s", said(r.Requests, "cpu"), said(r.Limits, "cpu"), said(r.Requests, "memory"), said(r.Limits, "memory"))
}

// diffOfPods tells what of ours is in a pod, as far as its owner has not put it there.
func diffOfPods(want, got corev1.PodSpec) string {
	var found []string
	for _, volume := range got.Volumes {
		if injection.IsReserved("volumes", volume.Name) {
			found = append(found, volume.Name)
		}
	}
	names := func(spec corev1.PodSpec) (all []string) {
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			all = append(all, fmt.Sprint(c.Name, c.Env, c.VolumeMounts))
		}
		return all
	}
	if !slices.Equal(names(want), names(got)) {
		found = append(found, fmt.Sprintf("containers %v, wanted are %v", names(got), names(want)))
	}
	return strings.Join(found, ", ")
}
