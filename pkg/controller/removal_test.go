// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/controller/rights"
	"github.com/restage-dev/restage/pkg/wiring"
)

// A controller that was never elected lets go of what its predecessor held when the installation is being deleted, and of nothing when it is only
// ended.
func TestStandIn(t *testing.T) {
	for name, deleted := range map[string]bool{"deleted": true, "ended": false} {
		t.Run(name, func(t *testing.T) {
			role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: rights.Roles[0], UID: "role", Finalizers: []string{rights.Finalizer}}}
			if deleted {
				role.DeletionTimestamp = &metav1.Time{Time: time.Now()}
			}
			cluster := controllertest.New(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours}}, role,
				&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: wiring.ControllerDeployment, Namespace: ours}})
			r := &removal{clients: &clients{kube: cluster.Kube, metadata: controllertest.Metadata(t), aggregator: aggregatorfake.NewClientset()},
				options: testOptions(t), deployed: true}
			ended, end := context.WithCancel(t.Context())
			end()
			if err := r.standIn(ended, 0); err != nil {
				t.Fatal(err)
			}
			released := false
			for _, action := range cluster.Kube.Actions() {
				released = released || action.Matches("patch", "clusterroles")
			}
			if released != deleted {
				t.Errorf("the role was let go of: %t", released)
			}
		})
	}
}

// The policies by which proxies stand in nobody's way go with the last that pods are made with: not while an owner holds on to a former template, and not when it
// is not known whether one does.
func TestDropSafeguards(t *testing.T) {
	held := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front", UID: "front"}, Spec: appsv1.DeploymentSpec{Paused: true}}
	former := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front-5d9", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(held, appsv1.SchemeGroupVersion.WithKind("Deployment"))}},
		Spec: appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: wiring.ProxyContainerName}}, Containers: []corev1.Container{{Name: "app"}},
		}}},
	}
	let := held.DeepCopy()
	let.Spec.Paused = false
	for name, test := range map[string]struct {
		front   *appsv1.Deployment
		unknown bool
		stay    bool
	}{
		"held":    {held, false, true},
		"let go":  {let, false, false},
		"unknown": {let, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: wiring.PodLimits}}
			cluster := controllertest.New(test.front, former, policy)
			if test.unknown {
				cluster.Kube.PrependReactor("list", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no answer") })
			}
			r := &removal{clients: &clients{kube: cluster.Kube}, options: testOptions(t)}
			if err := r.dropSafeguards(t.Context()); (err != nil) != test.unknown {
				t.Fatal(err)
			}
			_, err := cluster.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(t.Context(), wiring.PodLimits, metav1.GetOptions{})
			if stays := err == nil; stays != test.stay {
				t.Errorf("it stays: %t, error %v", stays, err)
			}
		})
	}
}
