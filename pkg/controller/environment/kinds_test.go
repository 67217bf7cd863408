// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// A pod that is not restarted runs to its end, as a Job: a Deployment would begin it again and again.
func TestACopyThatEndsIsAJob(t *testing.T) {
	environment := monday()
	environment.Spec.Workloads[0].Ref = v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "CronJob", Name: "front"}
	environment.Spec.Workloads[0].Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	cluster := newCluster(t, environment, snapshot())
	build(t, cluster)
	jobs := cluster.Kube.BatchV1().Jobs(shop)
	job, err := jobs.Get(t.Context(), "monday-front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if job.Labels[v1alpha1.LabelComponent] == "" || job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure || !metav1.IsControlledBy(job, environment) {
		t.Errorf("the Job is %+v", job)
	}
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "monday-front", metav1.GetOptions{}); err == nil {
		t.Error("there is a Deployment, too")
	}
	setStatus(t, cluster, "monday-responder", 1)
	for _, step := range []struct {
		status batchv1.JobStatus
		want   metav1.ConditionStatus
	}{
		{batchv1.JobStatus{Active: 1}, metav1.ConditionFalse},
		{batchv1.JobStatus{Active: 1, Ready: ptr.To[int32](1)}, metav1.ConditionTrue},
		{batchv1.JobStatus{Succeeded: 1}, metav1.ConditionTrue},
		{batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Message: "BackoffLimitExceeded"}}}, metav1.ConditionFalse},
	} {
		job.Status = step.status
		if _, err := jobs.UpdateStatus(t.Context(), job, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := reconcile(t, cluster); err != nil {
			t.Fatal(err)
		}
		if got := ready(t, cluster); got.Status != step.want {
			t.Errorf("with %+v Ready is %s: %s", step.status, got.Status, got.Message)
		}
	}
}

// With two workloads the responder is told which Services of the live ones lead to which copy, and the copies listen there.
func TestWorkloadsReachEachOther(t *testing.T) {
	environment := monday()
	back := *environment.Spec.Workloads[0].DeepCopy()
	back.Name, back.Ref = "back", v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "back"}
	environment.Spec.Workloads = append(environment.Spec.Workloads, back)
	cluster := newCluster(t, environment, snapshot())
	labels := map[string]string{"app": "back"}
	live := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "back"}}
	live.Spec.Template.Labels = labels
	live.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 9898}}}}
	services := []*corev1.Service{
		{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "store"}, Spec: corev1.ServiceSpec{
			Selector: labels, ClusterIPs: []string{"10.96.0.7"}, Ports: []corev1.ServicePort{
				{Port: 80, TargetPort: intstr.FromString("http")}, {Port: 81, TargetPort: intstr.FromInt32(7000)}, {Port: 53, Protocol: corev1.ProtocolUDP},
			},
		}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "other"}, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "other"}, Ports: []corev1.ServicePort{{Port: 80}},
		}},
	}
	if err := cluster.Kube.Tracker().Add(live); err != nil {
		t.Fatal(err)
	}
	for _, service := range services {
		if err := cluster.Kube.Tracker().Add(service); err != nil {
			t.Fatal(err)
		}
	}
	build(t, cluster)
	configMap, err := cluster.Kube.CoreV1().ConfigMaps(shop).Get(t.Context(), "monday-responder", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var settings wiring.PlaySettings
	for _, text := range configMap.Data {
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			t.Fatal(err)
		}
	}
	if len(settings.Routes) != 2 || settings.Routes[0].Address != "monday-back.shop.svc:9898" || settings.Routes[0].Port != 80 ||
		settings.Routes[1].Address != "monday-back.shop.svc:7000" {
		t.Fatalf("routes are %+v", settings.Routes)
	}
	for _, name := range []string{"store", "store.shop", "store.shop.svc", "store.shop.svc.cluster.local", "10.96.0.7"} {
		if !slices.Contains(settings.Routes[0].Names, name) {
			t.Errorf("%s is not among %s", name, strings.Join(settings.Routes[0].Names, ", "))
		}
	}
	copied, err := cluster.Kube.CoreV1().Services(shop).Get(t.Context(), "monday-back", metav1.GetOptions{})
	if err != nil || !slices.ContainsFunc(copied.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 7000 }) {
		t.Errorf("the Service of the copy has ports %+v, error %v", copied.Spec.Ports, err)
	}
}
