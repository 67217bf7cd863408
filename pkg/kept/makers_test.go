// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package kept

import (
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
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// rollout is of a kind that an administrator has let us record. Nothing of ours is in its template any more.
func rollout(name string, steps ...any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": map[string]any{"namespace": "shop", "name": name, "uid": name},
		"spec": map[string]any{
			"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app"}}}},
			"strategy": map[string]any{"canary": map[string]any{"steps": steps}},
		},
	}}
}

// proxied has the proxy in the template.
func proxied(rollout *unstructured.Unstructured) *unstructured.Unstructured {
	template := rollout.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	template["initContainers"] = []any{map[string]any{"name": wiring.ProxyContainerName}}
	return rollout
}

// ofRollout is a ReplicaSet that a Rollout has made with the proxy.
func ofRollout(name string, replicas int32) *appsv1.ReplicaSet {
	return scaled(replicas, replicaSet(name+"-5d9", recorded, by("argoproj.io/v1alpha1", "Rollout", name)))
}

// withRollouts are the workloads of a cluster that has rollouts as well.
func withRollouts(rollouts []runtime.Object, objects ...runtime.Object) workload.Client {
	cluster := controllertest.New(append(objects, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: workload.RecorderRole}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"argoproj.io"}, Resources: []string{"rollouts"}},
	}})...)
	cluster.Kube.Resources = append(cluster.Kube.Resources, &metav1.APIResourceList{
		GroupVersion: "argoproj.io/v1alpha1", APIResources: []metav1.APIResource{{Name: "rollouts", Kind: "Rollout", Namespaced: true}},
	})
	kinds := map[schema.GroupVersionResource]string{{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}: "RolloutList"}
	return workload.Client{Kube: cluster.Kube, Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, rollouts...)}
}

func scaled(n int32, set *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	set.Spec.Replicas = &n
	return set
}

func job(spec corev1.PodSpec, suspended bool, owner ...metav1.OwnerReference) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: named("once", owner...), Spec: batchv1.JobSpec{Suspend: &suspended, Template: corev1.PodTemplateSpec{Spec: spec}}}
}

func TestMakers(t *testing.T) {
	deployed, nightly := by("apps/v1", "Deployment", "front"), by("batch/v1", "CronJob", "nightly")
	former := func(n int32) *appsv1.ReplicaSet { return scaled(n, replicaSet("front-5d9", recorded, deployed)) }
	idle := deployment(plain, true)
	idle.Spec.Replicas = ptr.To[int32](0)
	ofSet := func(name string) *corev1.Pod {
		return pod(name, map[string]string{"app": "db"}, by("apps/v1", "StatefulSet", "db"))
	}
	waiting := map[string]any{"pause": map[string]any{}}
	rollouts := []runtime.Object{
		rollout("canary", map[string]any{"setWeight": int64(20)}, waiting), rollout("rolling", map[string]any{"pause": map[string]any{"duration": "10s"}}),
	}
	updated := ofSet("db-1")
	updated.Labels[appsv1.ControllerRevisionHashLabelKey] = "db-2"
	copied := deployment(recorded, false)
	copied.Labels = map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}
	for name, test := range map[string]struct {
		objects []runtime.Object
		maker   string // empty: there is none
	}{
		"a template":                            {[]runtime.Object{deployment(recorded, false)}, "Deployment front"},
		"a template, and what was made of it":   {[]runtime.Object{deployment(recorded, true), former(1)}, "Deployment front"},
		"a copy":                                {[]runtime.Object{copied, former(1)}, ""},
		"nothing of ours":                       {[]runtime.Object{deployment(plain, true), scaled(1, replicaSet("front-5d9", plain, deployed))}, ""},
		"a Deployment that replaces its pods":   {[]runtime.Object{deployment(plain, false), former(1)}, ""},
		"a Deployment that is paused":           {[]runtime.Object{deployment(plain, true), former(1)}, "Deployment front"},
		"paused after it has replaced its pods": {[]runtime.Object{deployment(plain, true), former(0)}, ""},
		"paused without pods":                   {[]runtime.Object{idle, inRevision("2", former(0))}, "Deployment front"},
		"paused without pods, of another":       {[]runtime.Object{idle, inRevision("1", former(0))}, ""},
		"what was made by one that is gone":     {[]runtime.Object{former(1)}, ""},
		"a ReplicaSet of nobody":                {[]runtime.Object{replicaSet("alone", recorded)}, "ReplicaSet alone"},
		"a part of a StatefulSet":               {[]runtime.Object{partitioned(plain), ofSet("db-1")}, "StatefulSet db"},
		"a part that is replaced":               {[]runtime.Object{partitioned(plain), ofSet("db-3")}, ""},
		"a StatefulSet that replaces":           {[]runtime.Object{statefulSet(plain, appsv1.RollingUpdateStatefulSetStrategyType), ofSet("db-1")}, ""},
		"pods of another":                       {[]runtime.Object{partitioned(plain), pod("db-1", map[string]string{"app": "db"})}, ""},
		"a Job, which ends":                     {[]runtime.Object{job(recorded, false)}, ""},
		"a Job that is held":                    {[]runtime.Object{job(recorded, true)}, "Job once"},
		"a run of a CronJob":                    {[]runtime.Object{job(recorded, false, nightly)}, ""},
		"a run of a CronJob that is held":       {[]runtime.Object{job(recorded, true, nightly)}, "Job once"},
		"a Rollout that waits":                  {[]runtime.Object{ofRollout("canary", 2)}, "Rollout canary"},
		"what a Rollout may go back to":         {[]runtime.Object{ofRollout("canary", 0)}, ""},
		"a Rollout that does not wait":          {[]runtime.Object{ofRollout("rolling", 2)}, ""},
		"a Rollout that is gone":                {[]runtime.Object{ofRollout("gone", 2)}, ""},
		"of a kind that is not known":           {[]runtime.Object{scaled(1, replicaSet("strange-5d9", recorded, by("example.com/v1", "Strange", "any")))}, "ReplicaSet strange-5d9"},
		"a part that got it as it was made":     {[]runtime.Object{partitioned(plain), updated}, ""},
		"a pod that nothing makes again":        {[]runtime.Object{pod("bare", nil)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Makers(t.Context(), withRollouts(rollouts, test.objects...), "")
			if err != nil {
				t.Fatal(err)
			}
			var makers []string
			for _, w := range found {
				makers = append(makers, w.String())
			}
			if strings.Join(makers, ", ") != test.maker {
				t.Errorf("found are %q, want %q", makers, test.maker)
			}
		})
	}
}

// One that makes them by its template, and holds on to a former one, is one.
func TestMakersAreFoundOnce(t *testing.T) {
	both := proxied(rollout("canary", map[string]any{"pause": map[string]any{}}))
	found, err := Makers(t.Context(), withRollouts([]runtime.Object{both}, ofRollout("canary", 2)), "")
	if err != nil || len(found) != 1 || found[0].String() != "Rollout canary" {
		t.Errorf("found are %v, error %v", found, err)
	}
}

// What cannot be read may make pods with the proxy, so that the error is not kept back; in one namespace nothing of another is read.
func TestMakersThatCannotBeListed(t *testing.T) {
	cluster := controllertest.New(partitioned(plain))
	if _, err := Makers(t.Context(), cluster.Workloads(), "shop"); err != nil {
		t.Fatal(err)
	}
	if elsewhere := slices.IndexFunc(cluster.Kube.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() == "list" && a.GetNamespace() != "shop" }); elsewhere >= 0 {
		t.Errorf("it does %v", cluster.Kube.Actions()[elsewhere])
	}
	for _, resource := range []string{"replicasets", "pods"} {
		cluster.Kube.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", nil)
		})
		if _, err := Makers(t.Context(), cluster.Workloads(), "shop"); !apierrors.IsForbidden(err) {
			t.Errorf("where %s may not be listed the error is %v", resource, err)
		}
	}
}
