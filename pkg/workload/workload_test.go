// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/dynamic"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const shop = "shop"

var rollouts = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: shop, Name: name, UID: "uid-of-name"}
}

func template(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: app + ":1"}}},
	}
}

func rollout(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": map[string]any{"namespace": shop, "name": name},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": name}},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
			},
		},
	}}
}

// newClient knows Rollouts besides the objects of Kubernetes.
func newClient(t *testing.T, others []runtime.Object, objects ...runtime.Object) (Client, *dynamicfake.FakeDynamicClient) {
	t.Helper()
	kube := kubefake.NewClientset(objects...)
	served := kube.Discovery().(*fakediscovery.FakeDiscovery)
	served.Resources = append(served.Resources, &metav1.APIResourceList{
		GroupVersion: "argoproj.io/v1alpha1", APIResources: []metav1.APIResource{
			{Name: "rollouts/status", Kind: "Rollout", Namespaced: true}, {Name: "rollouts", Kind: "Rollout", Namespaced: true},
		},
	})
	all := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{rollouts: "RolloutList"}, others...)
	return Client{Kube: kube, Dynamic: dynamic.Interface(all)}, all
}

func ref(apiVersion, kind, name string) v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{APIVersion: apiVersion, Kind: kind, Name: name}
}

// Every kind is found by its reference, with its template and where that lies.
func TestGet(t *testing.T) {
	first := int32(2)
	set := &appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{
		Template: template("db"), ServiceName: "db", Ordinals: &appsv1.StatefulSetOrdinals{Start: first},
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
		UpdateStrategy:       appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
	}}
	night := &batchv1.CronJob{ObjectMeta: named("night")}
	night.Spec.JobTemplate.Spec.Template = template("night")
	c, _ := newClient(t, []runtime.Object{rollout("canary")},
		&appsv1.Deployment{ObjectMeta: named("front"), Spec: appsv1.DeploymentSpec{Template: template("front")}}, set,
		&appsv1.DaemonSet{ObjectMeta: named("agent"), Spec: appsv1.DaemonSetSpec{Template: template("agent")}},
		&appsv1.ReplicaSet{ObjectMeta: named("old"), Spec: appsv1.ReplicaSetSpec{Template: template("old")}},
		&batchv1.Job{ObjectMeta: named("once"), Spec: batchv1.JobSpec{Template: template("once")}}, night,
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "bare", Labels: map[string]string{"app": "bare"}}, Spec: template("bare").Spec},
	)
	for _, test := range []struct {
		ref    v1alpha1.WorkloadReference
		path   string
		change Change
	}{
		{v1alpha1.WorkloadReference{Name: "front"}, "spec.template.spec", ChangeReplaces},
		{ref("", "StatefulSet", "db"), "spec.template.spec", ChangeOnDelete},
		{ref("apps/v1", "DaemonSet", "agent"), "spec.template.spec", ChangeReplaces},
		{ref("", "ReplicaSet", "old"), "spec.template.spec", ChangeOnDelete},
		{ref("", "CronJob", "night"), "spec.jobTemplate.spec.template.spec", ChangeNextRun},
		{ref("", "Job", "once"), "spec.template.spec", ChangeNever},
		{ref("", "Pod", "bare"), "spec", ChangeNever},
		{ref("argoproj.io/v1alpha1", "Rollout", "canary"), "spec.template.spec", ChangeReplaces},
	} {
		w, err := c.Get(t.Context(), shop, test.ref)
		if err != nil {
			t.Errorf("%s: %v", test.ref.Name, err)
			continue
		}
		if len(w.Template.Spec.Containers) != 1 || w.Template.Labels["app"] != test.ref.Name || w.PodSpecPath().String() != test.path || w.Change != test.change ||
			!Same(w.Reference(), test.ref) {
			t.Errorf("%s: %s at %s, change %s, labels %v", test.ref.Name, w, w.PodSpecPath(), w.Change, w.Template.Labels)
		}
	}
	db, err := c.Get(t.Context(), shop, ref("", "StatefulSet", "db"))
	if err != nil || db.Hostname != "db-2" || db.Subdomain != "db" || len(db.Claims) != 1 {
		t.Errorf("db: host %q, subdomain %q, claims %v, error %v", db.Hostname, db.Subdomain, db.Claims, err)
	}
}

func TestGetSaysWhatIsMissing(t *testing.T) {
	bare := rollout("bare")
	unstructured.RemoveNestedField(bare.Object, "spec", "template")
	c, all := newClient(t, []runtime.Object{bare, rollout("canary")})
	var unknown *UnknownKindError
	if _, err := c.Get(t.Context(), shop, ref("example.com/v1", "Gadget", "x")); !errors.As(err, &unknown) {
		t.Errorf("a kind that is not served: %v", err)
	}
	var without *NoTemplateError
	if _, err := c.Get(t.Context(), shop, ref("argoproj.io/v1alpha1", "Rollout", "bare")); !errors.As(err, &without) {
		t.Errorf("a Rollout without a template: %v", err)
	}
	if _, err := c.Get(t.Context(), shop, ref("", "StatefulSet", "gone")); !apierrors.IsNotFound(err) {
		t.Errorf("a StatefulSet that is not there: %v", err)
	}
	all.PrependReactor("get", "rollouts", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(rollouts.GroupResource(), "canary", errors.New("no rule"))
	})
	_, err := c.Get(t.Context(), shop, ref("argoproj.io/v1alpha1", "Rollout", "canary"))
	var right *RightError
	if !errors.As(err, &right) || !apierrors.IsForbidden(err) {
		t.Fatalf("a kind without a right to it: %v", err)
	}
	for _, want := range []string{"may not get rollouts.argoproj.io", LabelReader + `: "true"`, "{apiGroups: [argoproj.io], resources: [rollouts], verbs: [get, list]}"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

// What could have been changed are the kinds of Kubernetes, and those of the rules that an administrator has added.
func TestRecordable(t *testing.T) {
	c, _ := newClient(t, nil, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: RecorderRole}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"argoproj.io", "gone.example.com"}, Resources: []string{"rollouts"}, Verbs: []string{"get", "list", "patch"}},
	}})
	got, err := c.Recordable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, resource := range got {
		names = append(names, resource.GroupResource().String())
	}
	want := []string{"deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "cronjobs.batch", "rollouts.argoproj.io"}
	if !slices.Equal(names, want) {
		t.Errorf("recordable are %v, want %v", names, want)
	}
}

// A template that is made from a pod does not hold what the cluster has put into the pod.
func TestTemplateOfAPod(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: named("bare"), Spec: corev1.PodSpec{
		NodeName: "node-1", EphemeralContainers: []corev1.EphemeralContainer{{}},
		Volumes:    []corev1.Volume{{Name: "kube-api-access-x7k2p"}, {Name: "data"}},
		Containers: []corev1.Container{{Name: "app", VolumeMounts: []corev1.VolumeMount{{Name: "data"}, {Name: "kube-api-access-x7k2p"}}}},
	}}
	w, err := Of(pod)
	if err != nil {
		t.Fatal(err)
	}
	spec := w.Template.Spec
	if spec.NodeName != "" || spec.EphemeralContainers != nil || len(spec.Volumes) != 1 || len(spec.Containers[0].VolumeMounts) != 1 {
		t.Errorf("the template is %+v", spec)
	}
	if len(pod.Spec.Volumes) != 2 || len(pod.Spec.Containers[0].VolumeMounts) != 2 {
		t.Error("the pod itself was changed")
	}
}
