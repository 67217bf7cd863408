// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package templatevolumes

import (
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// The policy is made where we write to templates, and whoever installs brings it where our rights end in some namespaces. It stays for what is left in templates.
func TestKept(t *testing.T) {
	cluster := controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}})
	registrations := cluster.Kube.AdmissionregistrationV1()
	for _, step := range []struct {
		injection  string
		namespaces []string
		want       bool
	}{
		{wiring.InjectionManual, nil, false}, {wiring.InjectionWorkload, []string{"shop"}, false}, {wiring.InjectionWorkload, nil, true}, {wiring.InjectionWorkload, nil, true},
		{wiring.InjectionWorkload, []string{"shop"}, true}, {wiring.InjectionPolicy, nil, true},
	} {
		cluster.Injection = step.injection
		cluster.Acting(t, func() {
			r := Reconciler{Kube: cluster.Kube, Injection: step.injection, Namespaces: step.namespaces}
			if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
		})
		for kind, get := range map[string]func() (metav1.Object, error){
			kindPolicy: func() (metav1.Object, error) {
				return registrations.MutatingAdmissionPolicies().Get(t.Context(), wiring.TemplateVolumes, metav1.GetOptions{})
			},
			kindBinding: func() (metav1.Object, error) {
				return registrations.MutatingAdmissionPolicyBindings().Get(t.Context(), wiring.TemplateVolumes, metav1.GetOptions{})
			},
		} {
			found, err := get()
			if (err == nil) != step.want || err != nil && !apierrors.IsNotFound(err) {
				t.Errorf("with injection %s in %v: %s: %v", step.injection, step.namespaces, kind, err)
			}
			if owners := found.GetOwnerReferences(); err == nil && (len(owners) != 1 || owners[0].UID != "role-uid") {
				t.Errorf("%s has the owners %v", kind, owners)
			}
		}
	}
}

// Templates may be changed where the policy is: it is made where that is ours to do. An answer holds for a while.
func TestObstacle(t *testing.T) {
	shop := []string{"shop"}
	named := metav1.ObjectMeta{Name: wiring.TemplateVolumes}
	policy, binding := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: named}, &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: named}
	for name, test := range map[string]struct {
		namespaces []string
		objects    []runtime.Object
		unknown    bool
		want       string
	}{
		"everywhere":         {nil, nil, false, ""},
		"somewhere":          {shop, []runtime.Object{policy, binding}, false, ""},
		"without the policy": {shop, nil, false, "kubectl restage install --namespaces shop"},
		"without a binding":  {shop, []runtime.Object{policy}, false, "no binding of it"},
		"on an old cluster":  {nil, nil, true, "--injection=webhook"},
		"on an old one, too": {shop, nil, true, "Kubernetes has from 1.36 on"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := controllertest.New(append(test.objects, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}})...)
			if test.unknown {
				cluster.Kube.Resources = nil
			}
			cluster.Injection = wiring.InjectionWorkload
			cluster.Acting(t, func() {
				r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload, Namespaces: test.namespaces}
				obstacle, err := r.Obstacle(t.Context())
				if err != nil || (obstacle == "") != (test.want == "") || !strings.Contains(obstacle, test.want) {
					t.Errorf("it says %q, error %v", obstacle, err)
				}
				asked := len(cluster.Kube.Actions())
				if again, err := r.Obstacle(t.Context()); again != obstacle || err != nil || len(cluster.Kube.Actions()) != asked {
					t.Errorf("at once it says %q, error %v, after %d requests", again, err, len(cluster.Kube.Actions())-asked)
				}
			})
			there, err := Exists(t.Context(), cluster.Kube)
			if err != nil || there != (test.want == "") {
				t.Errorf("the policy is there: %t, error %v", there, err)
			}
		})
	}
}

// The manifest says what the code does: it lets every change in, and knows the names that are ours.
func TestManifest(t *testing.T) {
	policy, _, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if *policy.Spec.FailurePolicy != admissionv1.Ignore {
		t.Errorf("failurePolicy is %s", *policy.Spec.FailurePolicy)
	}
	quoted := "['" + strings.Join(injection.Volumes(), "', '") + "']"
	i := slices.IndexFunc(policy.Spec.Variables, func(v admissionapply.VariableApplyConfiguration) bool { return *v.Name == "volumes" })
	last := policy.Spec.Mutations[len(policy.Spec.Mutations)-1]
	for _, expression := range []string{*policy.Spec.Variables[i].Expression, *last.JSONPatch.Expression} {
		if !strings.Contains(expression, quoted) {
			t.Errorf("the names of volumes that are ours are %s, and not those of %s", quoted, expression)
		}
	}
}
