// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package templatevolumes

import (
	"errors"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
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
	plain := workloadOf(t, &appsv1.Deployment{})
	ours := workloadOf(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}}})
	foreign := &workload.Workload{Object: &unstructured.Unstructured{}, Kind: schema.GroupVersionKind{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "CloneSet"}}
	argo := &workload.Workload{Object: &unstructured.Unstructured{}, Kind: schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}}
	for name, test := range map[string]struct {
		namespaces []string
		objects    []runtime.Object
		unknown    bool
		of         *workload.Workload
		want       string
	}{
		"everywhere":            {nil, nil, false, plain, ""},
		"everywhere, any kind":  {nil, nil, false, foreign, ""},
		"somewhere":             {shop, []runtime.Object{policy, binding}, false, plain, ""},
		"somewhere, a rollout":  {shop, []runtime.Object{policy, binding}, false, argo, ""},
		"somewhere, other kind": {shop, []runtime.Object{policy, binding}, false, foreign, "does not look at workloads of the kind CloneSet.apps.kruise.io"},
		"labelled as ours":      {nil, nil, false, ours, "app.kubernetes.io/part-of=restage"},
		"without the policy":    {shop, nil, false, plain, "kubectl restage install --namespaces shop"},
		"without a binding":     {shop, []runtime.Object{policy}, false, plain, "no binding of it"},
		"on an old cluster":     {nil, nil, true, plain, "--injection=webhook"},
		"on an old one, too":    {shop, nil, true, plain, "Kubernetes has from 1.36 on"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := controllertest.New(append(test.objects, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}})...)
			if test.unknown {
				cluster.Kube.Resources = nil
			}
			cluster.Injection = wiring.InjectionWorkload
			cluster.Acting(t, func() {
				r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload, Namespaces: test.namespaces}
				obstacle, err := r.Obstacle(t.Context(), test.of)
				if err != nil || (obstacle == "") != (test.want == "") || !strings.Contains(obstacle, test.want) {
					t.Errorf("it says %q, error %v", obstacle, err)
				}
				asked := len(cluster.Kube.Actions())
				if again, err := r.Obstacle(t.Context(), test.of); again != obstacle || err != nil || len(cluster.Kube.Actions()) != asked {
					t.Errorf("at once it says %q, error %v, after %d requests", again, err, len(cluster.Kube.Actions())-asked)
				}
			})
			there, err := Exists(t.Context(), cluster.Kube)
			if wanted := len(test.objects) == 2 || test.namespaces == nil && !test.unknown; err != nil || there != wanted {
				t.Errorf("the policy is there: %t, error %v", there, err)
			}
		})
	}
}

// A policy that may not be made is a reason to change no template, unless it is there from before. Where templates are not changed it is none of it.
func TestObstacleWithoutRights(t *testing.T) {
	named := metav1.ObjectMeta{Name: wiring.TemplateVolumes}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}
	for _, objects := range [][]runtime.Object{nil, {&admissionv1.MutatingAdmissionPolicy{ObjectMeta: named}, &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: named}}} {
		cluster := controllertest.New(append(objects, role)...)
		cluster.Kube.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "mutatingadmissionpolicies"}, wiring.TemplateVolumes, errors.New("no right"))
		})
		r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload}
		obstacle, err := r.Obstacle(t.Context(), workloadOf(t, &appsv1.Deployment{}))
		if err != nil || (obstacle == "") != (len(objects) == 2) || obstacle != "" && !strings.Contains(obstacle, "cannot be made") {
			t.Errorf("it says %q, error %v", obstacle, err)
		}
	}
	r := Reconciler{Kube: controllertest.New().Kube, Injection: wiring.InjectionManual}
	if obstacle, err := r.Obstacle(t.Context(), nil); err != nil || !strings.Contains(obstacle, "--injection=manual") {
		t.Errorf("it says %q, error %v", obstacle, err)
	}
}

// The policy looks at the kinds that an administrator has let us record, and belongs to nothing when it is left.
func TestOtherKinds(t *testing.T) {
	cluster := controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: workload.RecorderRole},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"clonesets"}, Verbs: []string{"patch"}},
			{APIGroups: []string{"argoproj.io"}, Resources: []string{"rollouts"}, Verbs: []string{"patch"}},
		},
	})
	cluster.Kube.Resources = append(cluster.Kube.Resources, &metav1.APIResourceList{GroupVersion: "apps.kruise.io/v1beta1"}, &metav1.APIResourceList{GroupVersion: "argoproj.io/v1alpha1"})
	cluster.Injection = wiring.InjectionWorkload
	rulesOf := func() (resources []string, owners int) {
		policy, err := cluster.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(t.Context(), wiring.TemplateVolumes, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
			resources = append(resources, rule.Resources...)
		}
		return resources, len(policy.OwnerReferences)
	}
	if err := Leave(t.Context(), cluster.Kube); err != nil {
		t.Fatal(err)
	}
	if there, err := Exists(t.Context(), cluster.Kube); there || err != nil {
		t.Errorf("what is left was made: %t, error %v", there, err)
	}
	cluster.Acting(t, func() {
		r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload}
		if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
			t.Fatal(err)
		}
	})
	if got, owners := rulesOf(); strings.Join(got, " ") != "deployments statefulsets daemonsets replicasets cronjobs rollouts clonesets" || owners != 1 {
		t.Errorf("it looks at %v, and has %d owners", got, owners)
	}
	cluster.Acting(t, func() {
		if err := Leave(t.Context(), cluster.Kube); err != nil {
			t.Fatal(err)
		}
	})
	if got, owners := rulesOf(); len(got) != 7 || owners != 0 {
		t.Errorf("left behind it looks at %v, and has %d owners", got, owners)
	}
}

func workloadOf(t *testing.T, deployment *appsv1.Deployment) *workload.Workload {
	t.Helper()
	w, err := workload.Of(deployment)
	if err != nil {
		t.Fatal(err)
	}
	return w
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
