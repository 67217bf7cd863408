// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/wiring"
)

// TestRightIsGivenAgain applies the manifests of an installation for one namespace once more, and those of another release, after the right to make policies was given back, on a
// kube-apiserver: whoever applies them meets no other owner.
func TestRightIsGivenAgain(t *testing.T) {
	kubeconfig, config := hostWithPolicies(t)
	r := safeguards.Reconciler{Kube: kubernetes.NewForConfigOrDie(config), Injection: wiring.InjectionWorkload, Namespaces: []string{"shop"}}
	objects, err := manifests.Render(manifests.Options{Namespaces: r.Namespaces})
	if err != nil {
		t.Fatal(err)
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetName() != safeguards.Role || o.GetKind() != "ClusterRoleBinding"
	})
	var text strings.Builder
	if err := manifests.Write(&text, objects); err != nil {
		t.Fatal(err)
	}
	version, err := safeguards.Version()
	if err != nil {
		t.Fatal(err)
	}
	k := kept{T: t, kubeconfig: kubeconfig}
	subjects := func() string {
		return k.kubectl("", "get", "clusterrolebinding", safeguards.Role, "-o", "jsonpath={.subjects[*].name}")
	}
	for _, command := range []string{"apply", "apply --server-side"} {
		apply := func(manifest string) { k.kubectl(manifest, append(strings.Fields(command), "-f", "-")...) }
		for range 2 {
			apply(text.String())
			if given := subjects(); given != "restage-controller" {
				t.Errorf("%s gives the right to %q", command, given)
			}
			if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
			if left := subjects(); left != "" {
				t.Errorf("after %s it is not given back by %q", command, left)
			}
		}
		apply(strings.ReplaceAll(text.String(), version, "next"))
		if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
			t.Fatal(err)
		}
		if given := subjects(); given != "restage-controller" {
			t.Errorf("what is given to another release is with %q", given)
		}
		k.kubectl("", "delete", "clusterrolebinding", safeguards.Role)
	}
}
