// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
