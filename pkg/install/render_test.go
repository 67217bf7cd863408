// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
)

func render(t *testing.T, o Options) string {
	t.Helper()
	all, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Write(&out, all); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// full asks for everything that goes together.
func full() Options {
	return Options{
		ClusterName: "west", Namespace: "replays", Registry: "registry.example:5000/mirror", Tag: "v0.2.0", ImagePullPolicy: "Always",
		ImagePullSecrets: []string{"first", "second"}, StorageURL: "s3://bucket?region=eu", HA: true,
		EtcdServers: []string{"https://a:2379", "https://b:2379"}, KubeVersion: "v1.36.2", Injection: InjectionManual, Monitoring: true,
		Namespaces: []string{"shop", "bank"},
	}
}

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	for name, o := range map[string]Options{"defaults": {}, "everything": full()} {
		first := render(t, o)
		for range 3 {
			if again := render(t, o); again != first {
				t.Errorf("%s: the bytes differ", name)
			}
		}
	}
}

// What is rendered without options is what kubectl apply -k artifacts/default applies, and so for the other kustomizations.
// Clients copy objects, which panics for numbers that are not as JSON has them.
func TestRenderedCanBeCopied(t *testing.T) {
	objects, err := Render(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if diff := gocmp.Diff(object, object.DeepCopy()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRenderedIsWhatTheKustomizationsApply(t *testing.T) {
	for folder, o := range map[string]Options{
		"default":    {},
		"ha":         {HA: true, EtcdServers: []string{"https://restage-etcd.restage-system.svc:2379"}},
		"dev":        {Registry: "localhost", Tag: "dev"},
		"namespaced": {Namespaces: []string{"default"}},
	} {
		t.Run(folder, func(t *testing.T) {
			rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(onDisk(t), "../../artifacts/"+folder)
			if err != nil {
				t.Fatal(err)
			}
			var all objects
			for _, resource := range rendered.Resources() {
				all = append(all, fromResource(t, resource))
			}
			if err := sortVariables(o, all); err != nil {
				t.Fatal(err)
			}
			sortForInstall(all)
			var out bytes.Buffer
			if err := Write(&out, all); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(out.String(), render(t, o)); diff != "" {
				t.Errorf("kustomize - Render +\n%s", diff)
			}
		})
	}
}

func TestEveryOptionIsWritten(t *testing.T) {
	out := render(t, full())
	for _, want := range []string{
		"value: west", "registry.example:5000/mirror/restage/apiserver:v0.2.0", "value: registry.example:5000/mirror/restage/proxy:v0.2.0",
		"imagePullPolicy: Always", "- name: first\n- name: second", "value: first,second", "value: s3://bucket?region=eu",
		"value: https://a:2379,https://b:2379", "enforce-version: v1.36", "value: manual", "value: shop,bank", "namespace: bank",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the manifests", want)
		}
	}
	for _, not := range []string{"restage-system", ":v0.1.0", "name: restage-controller-injection", "image: restage/", "value: restage/"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is in the manifests", not)
		}
	}
}

// Templates are changed where the cluster can keep them whole.
func TestInjectionByVersion(t *testing.T) {
	for kubeVersion, want := range map[string]Injection{"": InjectionWorkload, "1.36": InjectionWorkload, "v1.37.2": InjectionWorkload, "1.35": InjectionWebhook, "v1.35.4": InjectionWebhook} {
		out := render(t, Options{KubeVersion: kubeVersion})
		if got := strings.Count(out, "value: "+string(want)+"\n"); got != 2 {
			t.Errorf("for Kubernetes %q %d Deployments are told of %s", kubeVersion, got, want)
		}
	}
}

// The right to make policies is given where templates are changed, and for some namespaces so that it is given back. Nobody but the controller makes one, so that who
// deletes these manifests leaves them for as long as there is a proxy.
func TestTheRightToMakePolicies(t *testing.T) {
	for name, test := range map[string]struct {
		o           Options
		given, back bool
	}{
		"cluster-wide":       {Options{KubeVersion: "1.37"}, true, false},
		"namespaced":         {Options{KubeVersion: "1.36", Namespaces: []string{"shop"}}, true, true},
		"on an old cluster":  {Options{KubeVersion: "1.35", Namespaces: []string{"shop"}}, false, false},
		"on any":             {Options{Namespaces: []string{"shop"}}, true, true},
		"proxies put in Git": {Options{KubeVersion: "1.36", Namespaces: []string{"shop"}, Injection: InjectionManual}, false, false},
	} {
		out := render(t, test.o)
		if given, back := strings.Contains(out, "kind: ClusterRole\n  name: restage-controller-safeguards\n"), strings.Contains(out, "\n    replay.restage.dev/safeguards: "); given != test.given || back != test.back {
			t.Errorf("%s: it is given: %t, and given back: %t", name, given, back)
		}
		if strings.Contains(out, "\nkind: MutatingAdmissionPolicy") {
			t.Errorf("%s: there is a policy", name)
		}
	}
}
