// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func service(name string, selector map[string]string) *corev1.Service {
	return &corev1.Service{ObjectMeta: named(name), Spec: corev1.ServiceSpec{Selector: selector}}
}

func app(name string) map[string]string { return map[string]string{"app": name} }

func TestSelected(t *testing.T) {
	deployment := &appsv1.Deployment{ObjectMeta: named("front"), Spec: appsv1.DeploymentSpec{Template: template("front")}}
	// What a Deployment makes is not another candidate; what a Rollout makes stands for the Rollout.
	made := &appsv1.ReplicaSet{ObjectMeta: named("front-1"), Spec: appsv1.ReplicaSetSpec{Template: template("front")}}
	made.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	canary := &appsv1.ReplicaSet{ObjectMeta: named("canary-1"), Spec: appsv1.ReplicaSetSpec{Template: template("canary")}}
	yes := true
	canary.OwnerReferences = []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "canary", UID: "u", Controller: &yes}}
	ended := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "ended", Labels: app("front")}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	c, _ := newClient(t, nil, deployment, made, canary, ended,
		&appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{Template: template("twice")}},
		&appsv1.DaemonSet{ObjectMeta: named("agent"), Spec: appsv1.DaemonSetSpec{Template: template("twice")}},
		service("front", app("front")), service("canary", app("canary")), service("both", app("twice")), service("none", app("nobody")), service("outside", nil),
	)
	for name, want := range map[string]v1alpha1.WorkloadReference{
		"front":  ref("apps/v1", "Deployment", "front"),
		"canary": ref("argoproj.io/v1alpha1", "Rollout", "canary"),
	} {
		if got, err := c.Selected(t.Context(), shop, name); err != nil || got != want {
			t.Errorf("%s selects %v, error %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"both": "name one of them: StatefulSet db, DaemonSet agent", "none": "selects the pods of no workload", "outside": "has no selector",
	} {
		var ambiguous *AmbiguousError
		if _, err := c.Selected(t.Context(), shop, name); !errors.As(err, &ambiguous) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	if _, err := c.Selected(t.Context(), shop, "gone"); !apierrors.IsNotFound(err) {
		t.Errorf("a Service that is not there: %v", err)
	}
	if w, err := c.Find(t.Context(), shop, ref("v1", "Service", "front")); err != nil || w.String() != "Deployment front" {
		t.Errorf("found %v, error %v", w, err)
	}
}
