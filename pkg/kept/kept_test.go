// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package kept

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

var (
	plain    = corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}
	recorded = corev1.PodSpec{InitContainers: []corev1.Container{{Name: wiring.ProxyContainerName}}, Containers: plain.Containers}
)

func named(name string, owner ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Generation: 1, OwnerReferences: owner}
}

func by(version, kind, name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}
}

// pod has the proxy.
func pod(name string, labels map[string]string, owner ...metav1.OwnerReference) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: named(name, owner...), Spec: recorded}
	p.Labels = labels
	return p
}

func replicaSet(name string, spec corev1.PodSpec, owner ...metav1.OwnerReference) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: named(name, owner...), Spec: appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
}

// inRevision puts an object into a revision of its Deployment.
func inRevision(n string, set *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	set.Annotations = map[string]string{"deployment.kubernetes.io/revision": n}
	return set
}

// deployment has the second template.
func deployment(spec corev1.PodSpec, paused bool) *appsv1.Deployment {
	d := &appsv1.Deployment{
		ObjectMeta: named("front"), Status: appsv1.DeploymentStatus{ObservedGeneration: 1},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: spec}, Paused: paused},
	}
	d.Annotations = map[string]string{"deployment.kubernetes.io/revision": "2"}
	return d
}

// partitioned replaces the third pod and those after it.
func partitioned(spec corev1.PodSpec) *appsv1.StatefulSet {
	set := statefulSet(spec, appsv1.RollingUpdateStatefulSetStrategyType)
	set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](2)}
	set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 1}
	return set
}

func statefulSet(spec corev1.PodSpec, strategy appsv1.StatefulSetUpdateStrategyType) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: named("db"), Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "db-2"},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			Template: corev1.PodTemplateSpec{Spec: spec}, UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: strategy},
		},
	}
}

func daemonSet(updated int32) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: named("agent"), Status: appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: 2, UpdatedNumberScheduled: updated},
		Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: plain}},
	}
}

func nobody(string, v1alpha1.WorkloadReference) bool { return false }

// Of workloads that are left out nothing is read, whatever number of pods they have.
func TestFindExcept(t *testing.T) {
	hashed := map[string]string{"pod-template-hash": "5d9"}
	cluster := controllertest.New(pod("front-5d9-a", hashed, by("apps/v1", "ReplicaSet", "front-5d9")), pod("bare", nil))
	found, err := Find(t.Context(), cluster.Workloads(), "", func(namespace string, ref v1alpha1.WorkloadReference) bool {
		return namespace == "shop" && workload.Same(ref, v1alpha1.WorkloadReference{Name: "front"})
	})
	if err != nil || len(found) != 1 || found[0].Workload.Name != "bare" {
		t.Errorf("found are %+v, error %v", found, err)
	}
	for _, action := range cluster.Kube.Actions() {
		if action.GetVerb() != "list" {
			t.Errorf("it makes %s %s", action.GetVerb(), action.GetResource().Resource)
		}
	}
}

func TestFind(t *testing.T) {
	hashed := map[string]string{"pod-template-hash": "5d9"}
	revision := func(name string) map[string]string { return map[string]string{"controller-revision-hash": name} }
	deployed, set, daemon := by("apps/v1", "Deployment", "front"), by("apps/v1", "StatefulSet", "db"), by("apps/v1", "DaemonSet", "agent")
	front := pod("front-5d9-b", hashed, by("apps/v1", "ReplicaSet", "front-5d9"))
	ending, over, copied := front.DeepCopy(), front.DeepCopy(), front.DeepCopy()
	ending.DeletionTimestamp, ending.Finalizers = ptr.To(metav1.Now()), []string{"other/kept"}
	over.Status.Phase = corev1.PodSucceeded
	copied.Labels = maps.Clone(hashed)
	copied.Labels[v1alpha1.LabelPartOf] = v1alpha1.PartOf
	without := front.DeepCopy()
	without.Spec = plain
	made := func(n string, spec corev1.PodSpec) *appsv1.ReplicaSet {
		return inRevision(n, replicaSet("front-5d9", spec, deployed))
	}
	const resume = "kubectl -n shop rollout resume deployment/front"
	const lower = `kubectl -n shop patch statefulset/db --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'`
	const restart, remove = "kubectl -n shop rollout restart ", "kubectl -n shop delete pod "
	for name, test := range map[string]struct {
		objects []runtime.Object
		command string // empty: nothing is found
	}{
		"added at creation": {[]runtime.Object{front, made("2", plain), deployment(plain, false)}, restart + "deployment/front"},
		"of a template":     {[]runtime.Object{front, made("2", recorded), deployment(recorded, false)}, ""},
		"of a former template, which is being replaced":       {[]runtime.Object{front, made("1", recorded), deployment(plain, false)}, ""},
		"added at creation, which is being replaced":          {[]runtime.Object{front, made("1", plain), deployment(plain, false)}, ""},
		"of the template of a Deployment that is paused":      {[]runtime.Object{front, made("2", recorded), deployment(recorded, true)}, resume},
		"of a former template of a Deployment that is paused": {[]runtime.Object{front, made("1", recorded), deployment(plain, true)}, resume},
		"added at creation, of a Deployment that is paused":   {[]runtime.Object{front, made("2", plain), deployment(plain, true)}, remove + "front-5d9-b"},
		"of a Deployment that is gone":                        {[]runtime.Object{front, made("2", plain)}, ""},
		"ending":                                              {[]runtime.Object{ending, made("2", plain), deployment(plain, false)}, ""},
		"over":                                                {[]runtime.Object{over, made("2", plain), deployment(plain, false)}, ""},
		"a copy":                                              {[]runtime.Object{copied, made("2", plain), deployment(plain, false)}, ""},
		"without a proxy":                                     {[]runtime.Object{without, made("2", plain), deployment(plain, false)}, ""},
		"its maker is gone":                                   {[]runtime.Object{front}, ""},
		"several of a ReplicaSet of nobody": {[]runtime.Object{
			pod("b", nil, by("apps/v1", "ReplicaSet", "alone")), pod("a", nil, by("apps/v1", "ReplicaSet", "alone")), replicaSet("alone", plain),
		}, remove + "a b"},
		"of the template of a ReplicaSet, which replaces none": {[]runtime.Object{
			pod("a", nil, by("apps/v1", "ReplicaSet", "alone")), replicaSet("alone", recorded),
		}, remove + "a"},
		"of a StatefulSet, at creation": {[]runtime.Object{
			pod("db-0", revision("db-2"), set), statefulSet(plain, appsv1.RollingUpdateStatefulSetStrategyType),
		}, restart + "statefulset/db"},
		"of a StatefulSet, which replaces it": {[]runtime.Object{
			pod("db-0", revision("db-1"), set), statefulSet(plain, appsv1.RollingUpdateStatefulSetStrategyType),
		}, ""},
		"of a StatefulSet, which will replace it": {[]runtime.Object{
			pod("db-0", revision("db-2"), set), statefulSet(recorded, appsv1.RollingUpdateStatefulSetStrategyType),
		}, ""},
		"of a StatefulSet, which will not": {[]runtime.Object{
			pod("db-0", revision("db-2"), set), statefulSet(recorded, appsv1.OnDeleteStatefulSetStrategyType),
		}, remove + "db-0"},
		"of a StatefulSet, which has not": {[]runtime.Object{
			pod("db-0", revision("db-1"), set), statefulSet(plain, appsv1.OnDeleteStatefulSetStrategyType),
		}, remove + "db-0"},
		"of a part of a StatefulSet that is held": {[]runtime.Object{pod("db-2", revision("db-1"), set), partitioned(plain)}, lower},
		"of a part that is held of a StatefulSet, which is about to be changed": {[]runtime.Object{
			pod("db-2", revision("db-2"), set), partitioned(recorded),
		}, lower},
		"of a part of a StatefulSet that is replaced": {[]runtime.Object{pod("db-3", revision("db-1"), set), partitioned(plain)}, ""},
		"of a part of a StatefulSet that is held, at creation": {[]runtime.Object{
			pod("db-2", revision("db-2"), set), partitioned(plain),
		}, remove + "db-2"},
		"of a DaemonSet, at creation":       {[]runtime.Object{pod("agent-x", nil, daemon), daemonSet(2)}, restart + "daemonset/agent"},
		"of a DaemonSet, which replaces it": {[]runtime.Object{pod("agent-x", nil, daemon), daemonSet(1)}, ""},
		"of a Job": {[]runtime.Object{
			pod("once-x", nil, by("batch/v1", "Job", "once")), &batchv1.Job{ObjectMeta: named("once"), Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: plain}}},
		}, remove + "once-x"},
		"of nobody": {[]runtime.Object{pod("bare", nil)}, remove + "bare"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Find(t.Context(), controllertest.New(test.objects...).Workloads(), "", nobody)
			if err != nil {
				t.Fatal(err)
			}
			var commands, want []string
			for _, pods := range found {
				commands = append(commands, pods.Command)
			}
			if test.command != "" {
				want = []string{test.command}
			}
			if !slices.Equal(commands, want) {
				t.Errorf("found are %q, want %q", commands, want)
			}
		})
	}
}

// Of a maker that cannot be read nothing is known, and it is asked for once; what ends the search is that of the context alone.
func TestMakersThatCannotBeRead(t *testing.T) {
	cluster := controllertest.New(pod("front-a", nil, by("apps/v1", "ReplicaSet", "front")), pod("front-b", nil, by("apps/v1", "ReplicaSet", "front")))
	asked := 0
	cluster.Kube.PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "replicasets"}, "front", errors.New("no right"))
	})
	found, err := Find(t.Context(), cluster.Workloads(), "", nobody)
	if err != nil || len(found) != 1 || found[0].Command != "kubectl -n shop delete pod front-a front-b" || asked != 1 {
		t.Errorf("found are %+v, error %v, asked %d times", found, err, asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cluster.Kube.PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		cancel()
		return true, nil, ctx.Err()
	})
	if found, err := Find(ctx, cluster.Workloads(), "", nobody); !errors.Is(err, context.Canceled) {
		t.Errorf("after an end there are %v, error %v", found, err)
	}
}
