// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	fakediscovery "k8s.io/client-go/discovery/fake"
	dynamicfake "k8s.io/client-go/dynamic/fake"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/workload"
)

func reference(kind, name string) v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{APIVersion: v1alpha1.WorkloadAPIVersion(kind), Kind: kind, Name: name}
}

func metadata(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: shop, Name: name, UID: types.UID("uid-of-" + name), ResourceVersion: "1"}
}

// each is one workload of every kind whose template can be changed, with the template of front.
func each() map[string]workload.Object {
	template, selector := front().Spec.Template, front().Spec.Selector
	night := &batchv1.CronJob{ObjectMeta: metadata("night")}
	night.Spec.JobTemplate.Spec.Template = template
	return map[string]workload.Object{
		"Deployment":  front(),
		"StatefulSet": &appsv1.StatefulSet{ObjectMeta: metadata("db"), Spec: appsv1.StatefulSetSpec{Template: template, Selector: selector}},
		"DaemonSet":   &appsv1.DaemonSet{ObjectMeta: metadata("agent"), Spec: appsv1.DaemonSetSpec{Template: template, Selector: selector}},
		"ReplicaSet":  &appsv1.ReplicaSet{ObjectMeta: metadata("old"), Spec: appsv1.ReplicaSetSpec{Template: template, Selector: selector}},
		"CronJob":     night,
	}
}

// The proxy gets into every kind, is found there when all is to be removed, and leaves no trace.
func TestSidecarOfEveryKind(t *testing.T) {
	for kind, object := range each() {
		t.Run(kind, func(t *testing.T) {
			cluster := controllertest.New(object)
			c, ref := cluster.Workloads(), reference(kind, object.GetName())
			before, err := c.Get(t.Context(), shop, ref)
			if err != nil {
				t.Fatal(err)
			}
			cluster.Acting(t, func() {
				if added, err := addSidecar(t.Context(), c, before, patch()); err != nil || !added {
					t.Fatalf("added %v, %v", added, err)
				}
			})
			with, err := c.Get(t.Context(), shop, ref)
			if err != nil || !hasSidecar(with.Template.Spec) || !IsManaged(with) {
				t.Fatalf("the proxy is not there: %v", err)
			}
			cluster.Acting(t, func() {
				if err := RemoveAll(t.Context(), c, metav1.NamespaceAll); err != nil {
					t.Fatal(err)
				}
			})
			after, err := c.Get(t.Context(), shop, ref)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before.Template, after.Template, cmpopts.EquateEmpty()); diff != "" || IsManaged(after) {
				t.Errorf("a trace is left (-before +after):\n%s", diff)
			}
		})
	}
}

var rollouts = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}

func rollout() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
		"metadata": map[string]any{"namespace": shop, "name": "canary", "uid": "u", "resourceVersion": "7"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"containers":     []any{map[string]any{"name": "app", "image": "app:1", "unheardOf": "kept"}},
			"initContainers": []any{map[string]any{"name": "migrate", "image": "app:1"}},
		}}},
	}}
}

// What is not ours stays, also what no type of ours knows.
func TestSidecarOfARollout(t *testing.T) {
	cluster := controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: workload.RecorderRole}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"argoproj.io"}, Resources: []string{"rollouts"}, Verbs: []string{"get", "list", "patch"}},
	}})
	served := cluster.Kube.Discovery().(*fakediscovery.FakeDiscovery)
	served.Resources = append(served.Resources, &metav1.APIResourceList{
		GroupVersion: "argoproj.io/v1alpha1", APIResources: []metav1.APIResource{{Name: "rollouts", Kind: "Rollout", Namespaced: true}},
	})
	all := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{rollouts: "RolloutList"}, rollout())
	c := workload.Client{Kube: cluster.Kube, Dynamic: all}
	ref := v1alpha1.WorkloadReference{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "canary"}
	before, err := c.Get(t.Context(), shop, ref)
	if err != nil {
		t.Fatal(err)
	}
	if added, err := addSidecar(t.Context(), c, before, patch()); err != nil || !added {
		t.Fatalf("added %v, %v", added, err)
	}
	with, err := c.Get(t.Context(), shop, ref)
	if err != nil || !hasSidecar(with.Template.Spec) || with.Template.Spec.InitContainers[2].Name != "migrate" {
		t.Fatalf("the template is %+v, error %v", with, err)
	}
	if added, err := addSidecar(t.Context(), c, with, patch()); err != nil || added {
		t.Errorf("a second time added %v, %v", added, err)
	}
	if err := RemoveAll(t.Context(), c, shop); err != nil {
		t.Fatal(err)
	}
	after, err := all.Resource(rollouts).Namespace(shop).Get(t.Context(), "canary", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ := unstructured.NestedMap(after.Object, "spec", "template", "spec")
	want, _, _ := unstructured.NestedMap(rollout().Object, "spec", "template", "spec")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a trace is left (-before +after):\n%s", diff)
	}
}

// What a Deployment has made of a former template is the Deployment's: one that has come to have its template would be taken for the current one.
func TestFormerTemplatesStay(t *testing.T) {
	former := each()["ReplicaSet"].(*appsv1.ReplicaSet)
	former.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(front(), appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	patch().AddTo(&former.Spec.Template)
	cluster := controllertest.New(front(), former)
	if err := RemoveAll(t.Context(), cluster.Workloads(), metav1.NamespaceAll); err != nil {
		t.Fatal(err)
	}
	after, err := cluster.Kube.AppsV1().ReplicaSets(shop).Get(t.Context(), former.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(former, after); diff != "" {
		t.Errorf("it was changed (-before +after):\n%s", diff)
	}
}

// Kinds have their own ways of getting the proxy, which the condition tells.
func TestConditionOfEachKind(t *testing.T) {
	owned := each()["ReplicaSet"].(*appsv1.ReplicaSet)
	owned.Name, owned.OwnerReferences = "owned", []metav1.OwnerReference{*metav1.NewControllerRef(front(), appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	job := &batchv1.Job{ObjectMeta: metadata("once"), Spec: batchv1.JobSpec{Template: front().Spec.Template}}
	recorded := &corev1.Pod{ObjectMeta: metadata("recorded"), Spec: front().Spec.Template.Spec}
	template := corev1.PodTemplateSpec{Spec: recorded.Spec}
	patch().AddTo(&template)
	recorded.Spec = template.Spec
	for _, test := range []struct {
		object  workload.Object
		kind    string
		status  metav1.ConditionStatus
		reason  string
		message string
	}{
		{each()["CronJob"], "CronJob", metav1.ConditionTrue, reasonNextRun, "the next run of CronJob night is recorded"},
		{each()["StatefulSet"], "StatefulSet", metav1.ConditionFalse, reasonNoPods, "StatefulSet db has no pods"},
		{owned, "ReplicaSet", metav1.ConditionFalse, reasonRefused, "is made by Deployment front"},
		{job, "Job", metav1.ConditionFalse, reasonNotInjected, "kubectl restage inject -f"},
		{recorded, "Pod", metav1.ConditionFalse, reasonRollingOut, "0 of 1 pods"},
		{&appsv1.StatefulSet{ObjectMeta: metadata("other")}, "DaemonSet", metav1.ConditionFalse, reasonNotFound, `DaemonSet "other" does not exist`},
	} {
		w := newWorld(t, nil)
		if err := w.cluster.Kube.Tracker().Add(test.object); err != nil {
			t.Fatal(err)
		}
		if _, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Create(t.Context(), &v1alpha1.TrafficCapture{
			ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "it"}, Spec: v1alpha1.TrafficCaptureSpec{WorkloadRef: reference(test.kind, test.object.GetName())},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.reconcile("it")
		w.expect("it", test.status, test.reason, test.message)
	}
}

// Records are kept under the name of the workload, so that a second workload of the same name cannot be recorded beside the first.
func TestOneWorkloadOfAName(t *testing.T) {
	w := newWorld(t, nil)
	set := each()["StatefulSet"].(*appsv1.StatefulSet)
	set.Name = "front"
	if err := w.cluster.Kube.Tracker().Add(set); err != nil {
		t.Fatal(err)
	}
	w.create("first")
	w.reconcile("first")
	if _, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Create(t.Context(), &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "second"}, Spec: v1alpha1.TrafficCaptureSpec{WorkloadRef: reference("StatefulSet", "front")},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("second")
	w.expect("second", metav1.ConditionFalse, reasonDuplicate, "records Deployment front already")
	if live, err := w.cluster.Workloads().Get(t.Context(), shop, reference("StatefulSet", "front")); err != nil || hasSidecar(live.Template.Spec) {
		t.Errorf("the StatefulSet got the proxy, error %v", err)
	}
	w.markDeleted("first")
	w.reconcile("first")
	if w.hasProxy() {
		t.Error("the proxy stays in the Deployment, because another workload of the name is to be recorded")
	}
}

func TestAnnotationOfAStatefulSet(t *testing.T) {
	w := newWorld(t, nil)
	set := each()["StatefulSet"].(*appsv1.StatefulSet)
	set.Name, set.Annotations = "front", map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"}
	if err := w.cluster.Kube.Tracker().Add(set); err != nil {
		t.Fatal(err)
	}
	w.annotation("false") // the Deployment of the same name asks for nothing
	capture := w.get("front")
	if !metav1.IsControlledBy(capture, set) || capture.Spec.WorkloadRef != reference("StatefulSet", "front") {
		t.Errorf("the capture is %+v", capture)
	}
	w.annotation("false")
	if again := w.get("front"); again.UID != capture.UID {
		t.Error("the capture of the StatefulSet was deleted for a Deployment without the annotation")
	}
}
