// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
	"github.com/restage-dev/restage/test/kube"
)

// rollouts stands for the kind of Argo Rollouts. As of any kind that is not Kubernetes' own, an apply replaces its lists.
const rollouts = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {plural: rollouts, singular: rollout, kind: Rollout}
  versions:
  - {name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// owned is what the owner of a workload has in its manifest besides what each has.
type owned struct{ env, mounts, lists string }

var (
	scratched = owned{mounts: ", volumeMounts: [{name: scratch, mountPath: /scratch}]", lists: "\n    volumes: [{name: scratch, emptyDir: {}}]"}
	prepared  = owned{mounts: scratched.mounts, lists: scratched.lists + "\n    initContainers: [{name: prepare, image: app:1}]"}
	elsewhere = owned{mounts: ", volumeMounts: [{name: other, mountPath: /other}]", lists: "\n    volumes: [{name: other, emptyDir: {}}]"}
	cramped   = owned{lists: "\n    resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {cpu: 2m, memory: 2Mi}}"}
	windows   = owned{lists: "\n    os: {name: windows}"}
	fromField = owned{env: ", {name: SSL_CERT_FILE, valueFrom: {fieldRef: {fieldPath: metadata.name}}}"}
)

// wholeManifest is what the owner of the workload keeps. Its second container mounts nothing.
func (k kept) wholeManifest(name string, o owned) string {
	head, indent, restart := "  replicas: 0\n  selector: {matchLabels: {app: whole}}\n", "  ", "Always"
	switch k.ref.Kind {
	case "CronJob":
		head, indent, restart = "  schedule: '0 0 1 1 *'\n  suspend: true\n  jobTemplate:\n    spec:\n", "      ", "Never"
	case "DaemonSet":
		head = "  selector: {matchLabels: {app: whole}}\n"
	}
	template := fmt.Sprintf(`
template:
  metadata: {labels: {app: whole}}
  spec:
    restartPolicy: %s
    containers:
    - {name: app, image: app:1, env: [{name: OWN, value: a}%s]%s}
    - {name: helper, image: app:1}%s`, restart, o.env, o.mounts, o.lists)
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: default}\nspec:\n%s%s", k.ref.APIVersion, k.ref.Kind, name, head,
		strings.ReplaceAll(template, "\n", "\n"+indent))
}

// ours are the volumes of the template that are ours.
func (k kept) ours() []corev1.Volume {
	k.Helper()
	return slices.DeleteFunc(k.live().Template.Spec.Volumes, func(v corev1.Volume) bool { return !injection.IsReserved("volumes", v.Name) })
}

// TestTemplatesStayWhole has owners change their workloads in the ways in which Kubernetes would refuse what we have put into them, with nothing alive of Restage but its
// policy: it is accepted, the proxy stays whole or goes as a whole, and without it each template is what its manifest gives, to the byte.
func TestTemplatesStayWhole(t *testing.T) {
	kubeconfig, config := hostWithPolicies(t)
	client := workload.Client{Kube: kubernetes.NewForConfigOrDie(config), Dynamic: dynamic.NewForConfigOrDie(config)}
	deployment := v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "first"}
	withPolicy(kept{t, deployment, kubeconfig, client})

	const proxied, gone = "restage-proxy restage-init app+ helper+", "app helper"
	natives := []v1alpha1.WorkloadReference{
		deployment, {APIVersion: "apps/v1", Kind: "StatefulSet"}, {APIVersion: "apps/v1", Kind: "DaemonSet"}, {APIVersion: "apps/v1", Kind: "ReplicaSet"}, {APIVersion: "batch/v1", Kind: "CronJob"},
	}
	two := []v1alpha1.WorkloadReference{deployment, natives[4]}
	foreign := []v1alpha1.WorkloadReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout"}}
	for _, test := range []struct {
		name, command string // of the owner, after the first
		before, then  owned
		kinds         []v1alpha1.WorkloadReference
		want          string // the containers then, + for those that trust the proxy
	}{
		{"the last volume", "apply", scratched, owned{}, natives, proxied},
		{"another volume", "apply", scratched, elsewhere, two, proxied},
		{"the last volume, server-side", "apply --server-side --force-conflicts", scratched, owned{}, two, proxied},
		{"the last volume and init container", "apply", prepared, owned{}, two, gone},
		{"the last init container", "apply", prepared, scratched, two, gone},
		{"all of ours", "replace", prepared, owned{}, two, gone},
		{"a variable from elsewhere", "apply", scratched, fromField, two, proxied},
		{"a variable from elsewhere, server-side", "apply --server-side --force-conflicts", scratched, fromField, two, proxied},
		{"resources of the pod", "apply", scratched, cramped, natives, proxied},
		{"resources of the pod before", "apply", cramped, scratched, two, proxied},
		{"another operating system", "apply", scratched, windows, natives, gone},
		{"another volume", "apply", scratched, elsewhere, foreign, "restage-proxy restage-init app helper"},
		{"the last volume and init container", "apply", prepared, owned{}, foreign, gone},
	} {
		for _, kind := range test.kinds {
			t.Run(test.name+"/"+kind.Kind, func(t *testing.T) {
				kind.Name = strings.NewReplacer(" ", "-", ",", "").Replace(test.name)
				k := kept{t, kind, kubeconfig, client}
				k.kubectl(k.wholeManifest(k.ref.Name, test.before), "apply", "-f", "-")
				k.write(true)
				volumes := k.ours()
				k.kubectl(k.wholeManifest(k.ref.Name, test.then), append(strings.Fields(test.command), "-f", "-")...)
				if containers := k.containers(); containers != test.want {
					t.Errorf("the containers are %s, wanted are %s", containers, test.want)
				}
				if diff := cmp.Diff(volumes, k.ours()); diff != "" && test.want != gone {
					t.Errorf("our volumes are not as they were: %s", diff)
				}
				for _, c := range k.live().Template.Spec.Containers {
					if mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == wiring.TrustVolume }); mounted != (test.want == proxied) {
						t.Errorf("container %s mounts whom it trusts: %t", c.Name, mounted)
					}
				}
				if test.want == gone {
					k.isAs(test.then)
				}
				k.write(false)
				k.isAs(test.then)
				if edit.IsManaged(k.live(), capture.FieldManager) {
					t.Errorf("we have a say in it: %v", k.live().GetManagedFields())
				}
			})
		}
	}
	t.Run("nothing of a proxy", func(t *testing.T) { // as a responder, which has the same volumes
		deployment.Name = "responder"
		k := kept{t, deployment, kubeconfig, client}
		mounting := owned{mounts: ", volumeMounts: [{name: restage-forwarder, mountPath: /f}]", lists: "\n    volumes: [{name: restage-forwarder, emptyDir: {}}]"}
		k.kubectl(k.wholeManifest(k.ref.Name, mounting), "apply", "-f", "-")
		mounting.env = ", {name: MORE, value: b}"
		k.kubectl(k.wholeManifest(k.ref.Name, mounting), "apply", "-f", "-")
		k.isAs(mounting)
	})
	t.Run("without rules, without the proxy", func(t *testing.T) {
		deployment.Name = "without-rules-without-proxy"
		k := kept{t, deployment, kubeconfig, client}
		spec := k.withoutRules(owned{mounts: prepared.mounts, lists: prepared.lists + "\n    dnsConfig: {options: [{name: ndots, value: '2'}]}"}, owned{})
		if k.containers() != gone || !strings.Contains(spec, `"dnsPolicy":"ClusterFirst"`) || strings.Contains(spec, "127.0.0.1") {
			t.Errorf("the pods are %s", spec)
		}
	})
	t.Run("without rules, on Windows", func(t *testing.T) {
		deployment.Name = "without-rules-windows"
		k := kept{t, deployment, kubeconfig, client}
		spec := k.withoutRules(scratched, owned{mounts: scratched.mounts, lists: scratched.lists + windows.lists})
		if k.containers() != gone || strings.Contains(spec, "NET_RAW") || strings.Contains(spec, "unprivileged") {
			t.Errorf("the pods are %s", spec)
		}
	})
	t.Run("without rules, on the network of the node", func(t *testing.T) {
		deployment.Name = "without-rules-on-node"
		k := kept{t, deployment, kubeconfig, client}
		spec := k.withoutRules(scratched, owned{mounts: scratched.mounts, lists: scratched.lists + "\n    hostNetwork: true"})
		if !strings.Contains(spec, `"hostNetwork":true`) || strings.Contains(spec, "unprivileged") {
			t.Errorf("the pods are %s", spec)
		}
	})
	resolved := owned{lists: scratched.lists + "\n    dnsConfig: {options: [{name: ndots, value: '2'}]}"}
	fromFields := owned{env: fromField.env + strings.ReplaceAll(fromField.env, "SSL_CERT_FILE", "https_proxy")}
	for name, explicit := range map[string]bool{"in place": false, "in place, without rules": true} {
		t.Run(name, func(t *testing.T) {
			deployment.Name = strings.NewReplacer(" ", "-", ",", "").Replace(name)
			k := kept{t, deployment, kubeconfig, client}
			k.kubectl(k.wholeManifest(k.ref.Name, resolved), "apply", "-f", "-")
			template, err := injection.InPlace(k.live().Template, injection.IsolateOptions{
				Environment: "monday", Workload: "app", Namespace: "default", Image: "proxy:1", Explicit: explicit,
			})
			if err != nil {
				t.Fatal(err)
			}
			k.change(&template)
			volumes, dns := k.ours(), k.live().Template.Spec.DNSConfig
			k.kubectl(k.wholeManifest(k.ref.Name, fromFields), "apply", "-f", "-")
			if diff := cmp.Diff(volumes, k.ours()); diff != "" {
				t.Errorf("our volumes are not as they were: %s", diff)
			}
			if diff := cmp.Diff(dns, k.live().Template.Spec.DNSConfig); explicit && diff != "" {
				t.Errorf("who answers for names is not as it was: %s", diff)
			}
		})
	}
}

// withoutRules has the owner of a workload change it while it is in an environment without rules, and returns the spec of its pods.
func (k kept) withoutRules(before, then owned) string {
	k.Helper()
	k.kubectl(k.wholeManifest(k.ref.Name, before), "apply", "-f", "-")
	template, err := injection.InPlace(k.live().Template, injection.IsolateOptions{Environment: "monday", Workload: "app", Namespace: "default", Image: "proxy:1", Explicit: true})
	if err != nil {
		k.Fatal(err)
	}
	k.change(&template)
	k.kubectl(k.wholeManifest(k.ref.Name, then), "apply", "-f", "-")
	return k.kubectl("", "get", k.ref.Kind, k.ref.Name, "-o", "jsonpath={."+strings.Join(append(k.live().Path, "spec"), ".")+"}")
}

// hostWithPolicies is a kube-apiserver with nothing of Restage, which knows MutatingAdmissionPolicy.
func hostWithPolicies(t *testing.T) (kubeconfig string, config *rest.Config) {
	t.Helper()
	kubeconfig = withoutFrontProxy(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	served, err := workload.HasPolicies(kubernetes.NewForConfigOrDie(config).Discovery())
	if err != nil {
		t.Fatal(err)
	}
	if !served {
		t.Skip("this kube-apiserver has no MutatingAdmissionPolicy, which Kubernetes has from 1.36 on")
	}
	return kubeconfig, config
}

// policies are the safeguards, as manifests.
func policies(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range wiring.Safeguards() {
		policy, binding, err := safeguards.Manifest(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range []any{policy, binding} {
			data, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString("---\n" + string(data))
		}
	}
	return all.String()
}

// withPolicy has the kube-apiserver know the policies, for which it needs a moment.
func withPolicy(host kept) {
	host.Helper()
	host.kubectl(policies(host.T), "apply", "-f", "-")
	host.kubectl(rollouts, "apply", "-f", "-")
	host.kubectl("", "wait", "--for=condition=Established", "crd/rollouts.argoproj.io")
	host.kubectl(host.wholeManifest("first", scratched), "apply", "-f", "-")
	host.write(true)
	kube.Eventually(host.T, time.Minute, "kube-apiserver to know the policy", func() (bool, string) {
		_, err := kube.Run(host.Context(), host.wholeManifest("first", owned{}), "kubectl", "--kubeconfig", host.kubeconfig, "apply", "--dry-run=server", "-f", "-")
		return err == nil, fmt.Sprint(err)
	})
}

// isAs checks that the template is what the manifest gives.
func (k kept) isAs(o owned) {
	k.Helper()
	template := "jsonpath={." + strings.Join(append(k.live().Path, "spec"), ".") + "}"
	want := k.kubectl(k.wholeManifest("twin", o), "create", "--dry-run=server", "-o", template, "-f", "-")
	if got := k.kubectl("", "get", k.ref.Kind, k.ref.Name, "-o", template); got != want {
		k.Errorf("the template is\n%s\nand its manifest gives\n%s", got, want)
	}
}
