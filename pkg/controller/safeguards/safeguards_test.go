// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package safeguards

import (
	"encoding/json"
	"errors"
	"regexp"
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
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/artifacts"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// The policies are made where we write to templates. They stay for what is left in templates, and belong to nothing that would take them along.
func TestKept(t *testing.T) {
	cluster := controllertest.New()
	for _, step := range []struct {
		injection string
		want      bool
	}{
		{wiring.InjectionManual, false}, {wiring.InjectionWorkload, true}, {wiring.InjectionWorkload, true}, {wiring.InjectionPolicy, true},
	} {
		cluster.Injection = step.injection
		cluster.Acting(t, func() {
			r := Reconciler{Kube: cluster.Kube, Injection: step.injection}
			if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
		})
		missing, err := Missing(t.Context(), cluster.Kube)
		if err != nil || (missing == "") != step.want {
			t.Errorf("with injection %s %q is missing, error %v", step.injection, missing, err)
		}
	}
	registrations := cluster.Kube.AdmissionregistrationV1()
	for _, name := range wiring.Safeguards() {
		policy, err := registrations.MutatingAdmissionPolicies().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || len(policy.OwnerReferences) > 0 || policy.Labels[v1alpha1.LabelPartOf] != v1alpha1.PartOf {
			t.Errorf("%s is %+v, error %v", name, policy.ObjectMeta, err)
		}
		binding, err := registrations.MutatingAdmissionPolicyBindings().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || len(binding.OwnerReferences) > 0 || binding.Labels[v1alpha1.LabelPartOf] != v1alpha1.PartOf || (binding.Spec.ParamRef == nil) != (policy.Spec.ParamKind == nil) {
			t.Errorf("the binding of %s is %+v, error %v", name, binding, err)
		}
	}
	if err := Remove(t.Context(), cluster.Kube); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), cluster.Kube); err != nil {
		t.Errorf("what is gone cannot be removed: %v", err)
	}
	if missing, err := Missing(t.Context(), cluster.Kube); missing != wiring.TemplateVolumes || err != nil {
		t.Errorf("after it was removed %q is missing, error %v", missing, err)
	}
}

// In an installation for some namespaces the right to make them is given back, once they are made, by the controller that it was given to.
func TestGivesBack(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		namespaces []string
		version    string
		forbidden  bool
		want       int // subjects then
	}{
		"everywhere":            {nil, "", false, 1},
		"somewhere":             {[]string{"shop"}, version, false, 0},
		"of another release":    {[]string{"shop"}, "other", false, 1},
		"before they were made": {[]string{"shop"}, version, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := controllertest.New(&rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{
					Name: Role, Annotations: map[string]string{AnnotationVersion: test.version}, ResourceVersion: "7",
				},
				Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "restage-controller"}},
			})
			if test.forbidden {
				forbid(cluster)
			}
			r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload, Namespaces: test.namespaces}
			if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
			binding, err := cluster.Kube.RbacV1().ClusterRoleBindings().Get(t.Context(), Role, metav1.GetOptions{})
			if err != nil || len(binding.Subjects) != test.want {
				t.Errorf("it is bound to %v, error %v", binding.Subjects, err)
			}
		})
	}
}

// forbid lets no policy be written.
func forbid(cluster *controllertest.Cluster) {
	cluster.Kube.PrependReactor("patch", "mutatingadmissionpolicies", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "mutatingadmissionpolicies"}, wiring.TemplateVolumes, errors.New("no right"))
	})
}

// there are all of them, as they were made before.
func there() (all []runtime.Object) {
	for _, name := range wiring.Safeguards() {
		named := metav1.ObjectMeta{Name: name}
		all = append(all, &admissionv1.MutatingAdmissionPolicy{ObjectMeta: named}, &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: named})
	}
	return all
}

// Templates may be changed where the policies are: they are made where that can be done. An answer holds for a while.
func TestObstacle(t *testing.T) {
	shop := []string{"shop"}
	plain := workloadOf(t, &appsv1.Deployment{})
	ours := workloadOf(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}}})
	foreign := &workload.Workload{Object: &unstructured.Unstructured{}, Kind: schema.GroupVersionKind{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "CloneSet"}}
	argo := &workload.Workload{Object: &unstructured.Unstructured{}, Kind: schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}}
	all := there()
	for name, test := range map[string]struct {
		injection          string
		namespaces         []string
		objects            []runtime.Object
		unknown, forbidden bool
		of                 *workload.Workload
		want               string
	}{
		"everywhere":                   {wiring.InjectionWorkload, nil, nil, false, false, plain, ""},
		"everywhere, any kind":         {wiring.InjectionWorkload, nil, nil, false, false, foreign, ""},
		"everywhere, without rights":   {wiring.InjectionWorkload, nil, nil, false, true, plain, "restage-template-volumes cannot be made"},
		"everywhere, from before":      {wiring.InjectionWorkload, nil, all, false, true, plain, ""},
		"somewhere":                    {wiring.InjectionWorkload, shop, nil, false, false, plain, ""},
		"somewhere, a rollout":         {wiring.InjectionWorkload, shop, nil, false, false, argo, ""},
		"somewhere, other kind":        {wiring.InjectionWorkload, shop, nil, false, false, foreign, "does not look at workloads of the kind CloneSet.apps.kruise.io"},
		"somewhere, from before":       {wiring.InjectionWorkload, shop, all, false, true, plain, ""},
		"somewhere, without rights":    {wiring.InjectionWorkload, shop, nil, false, true, plain, "kubectl restage install --namespaces shop"},
		"somewhere, one is missing":    {wiring.InjectionWorkload, shop, all[:6], false, true, plain, "restage-pod-quotas"},
		"somewhere, without a binding": {wiring.InjectionWorkload, shop, all[:7], false, true, plain, "restage-pod-quotas, or its binding"},
		"labelled as ours":             {wiring.InjectionWorkload, nil, nil, false, false, ours, "app.kubernetes.io/part-of=restage"},
		"on an old cluster":            {wiring.InjectionWorkload, nil, nil, true, false, plain, "--injection=webhook"},
		"on an old one, too":           {wiring.InjectionWorkload, shop, nil, true, false, plain, "Kubernetes has from 1.36 on"},
		"changing no template":         {wiring.InjectionManual, nil, nil, false, false, plain, "--injection=manual"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := controllertest.New(test.objects...)
			if test.unknown {
				cluster.Kube.Resources = nil
			}
			if test.forbidden {
				forbid(cluster)
			}
			cluster.Injection = test.injection
			cluster.Acting(t, func() {
				r := Reconciler{Kube: cluster.Kube, Injection: test.injection, Namespaces: test.namespaces}
				obstacle, err := r.Obstacle(t.Context(), test.of)
				if err != nil || (obstacle == "") != (test.want == "") || !strings.Contains(obstacle, test.want) {
					t.Errorf("it says %q, error %v", obstacle, err)
				}
				asked := len(cluster.Kube.Actions())
				if again, err := r.Obstacle(t.Context(), test.of); again != obstacle || err != nil || len(cluster.Kube.Actions()) != asked {
					t.Errorf("at once it says %q, error %v, after %d requests", again, err, len(cluster.Kube.Actions())-asked)
				}
			})
			missing, err := Missing(t.Context(), cluster.Kube)
			if wanted := len(test.objects) == len(all) || !test.unknown && !test.forbidden && test.injection == wiring.InjectionWorkload; err != nil || (missing == "") != wanted {
				t.Errorf("%q is missing, error %v", missing, err)
			}
		})
	}
}

// The policy of templates looks at the kinds that an administrator has let us record.
func TestOtherKinds(t *testing.T) {
	cluster := controllertest.New(&rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: workload.RecorderRole},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"clonesets"}, Verbs: []string{"patch"}},
			{APIGroups: []string{"argoproj.io"}, Resources: []string{"rollouts"}, Verbs: []string{"patch"}},
		},
	})
	cluster.Kube.Resources = append(cluster.Kube.Resources, &metav1.APIResourceList{GroupVersion: "apps.kruise.io/v1beta1"}, &metav1.APIResourceList{GroupVersion: "argoproj.io/v1alpha1"})
	cluster.Injection = wiring.InjectionWorkload
	cluster.Acting(t, func() {
		r := Reconciler{Kube: cluster.Kube, Injection: wiring.InjectionWorkload}
		if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
			t.Fatal(err)
		}
	})
	policy, err := cluster.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(t.Context(), wiring.TemplateVolumes, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var resources []string
	for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
		resources = append(resources, rule.Resources...)
	}
	if strings.Join(resources, " ") != "deployments statefulsets daemonsets replicasets cronjobs rollouts clonesets" {
		t.Errorf("it looks at %v", resources)
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

// annotations of ours, as manifests have them.
var annotations = regexp.MustCompile(`replay\.restage\.dev/[a-z-]+`)

// The manifests say what the code does: they let everything in, and know the names that are ours.
func TestManifests(t *testing.T) {
	quoted := "['" + strings.Join(injection.Volumes(), "', '") + "']"
	for _, name := range wiring.Safeguards() {
		policy, _, err := Manifest(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, annotation := range annotations.FindAllString(string(data), -1) {
			if annotation != v1alpha1.AnnotationProxyLeftOut && annotation != v1alpha1.AnnotationProxyResources {
				t.Errorf("%s annotates pods with %s", name, annotation)
			}
		}
		if *policy.Name != name || *policy.Spec.FailurePolicy != admissionv1.Ignore {
			t.Errorf("%s is of %s with failurePolicy %s", name, *policy.Name, *policy.Spec.FailurePolicy)
		}
		var known []string
		for _, variable := range policy.Spec.Variables {
			if slices.Contains(known, *variable.Name) {
				t.Errorf("%s has two variables %s", name, *variable.Name)
			}
			known = append(known, *variable.Name)
			if *variable.Name == "volumes" && !strings.Contains(*variable.Expression, quoted) {
				t.Errorf("the names of volumes that are ours are %s, and not those of %s", quoted, *variable.Expression)
			}
		}
		last := policy.Spec.Mutations[len(policy.Spec.Mutations)-1]
		if !strings.HasPrefix(*last.JSONPatch.Expression, "!variables.gone ? []") || !strings.Contains(*last.JSONPatch.Expression, quoted) {
			t.Errorf("%s ends with %s, which does not have the proxy go, or not the volumes %s", name, *last.JSONPatch.Expression, quoted)
		}
	}
}

// Who installs for some namespaces gives the right to make the policies as they are.
func TestVersionOfManifests(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	data, err := artifacts.Files.ReadFile("components/namespaced/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if want := AnnotationVersion + `: "` + version + `"}`; !strings.Contains(string(data), want) {
		t.Errorf("artifacts/components/namespaced gives the right to make policies for others than those of artifacts/safeguards; it should say %s", want)
	}
}
