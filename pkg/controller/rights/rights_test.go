// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
)

const ours = "restage-system"

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name)}
}

// Roles are bound in the cluster, in a namespace, or not there at all. Whatever is there is held and bound again, and let go of at the end.
func TestHoldAndRelease(t *testing.T) {
	cluster := controllertest.New(
		&corev1.ServiceAccount{ObjectMeta: named(ours, Account)},
		&rbacv1.ClusterRole{ObjectMeta: named("", Account)},
		&rbacv1.ClusterRoleBinding{ObjectMeta: named("", Account)},
		&rbacv1.ClusterRole{ObjectMeta: named("", "restage-controller-workloads")},
		&rbacv1.RoleBinding{ObjectMeta: named("shop", "restage-controller-workloads")},
	)
	keeper := &Keeper{Namespace: ours, Namespaces: []string{"shop", "bank"}, Kube: cluster.Kube}
	ctx, rbac := t.Context(), cluster.Kube.RbacV1()
	cluster.Acting(t, func() {
		for range 2 {
			if _, err := keeper.Reconcile(ctx, types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	held := func(want bool) {
		t.Helper()
		for _, name := range Roles[:2] {
			role, err := rbac.ClusterRoles().Get(ctx, name, metav1.GetOptions{})
			if err != nil || slices.Contains(role.Finalizers, Finalizer) != want {
				t.Errorf("ClusterRole %s has finalizers %v, error %v", name, role.Finalizers, err)
			}
		}
		account, err := cluster.Kube.CoreV1().ServiceAccounts(ours).Get(ctx, Account, metav1.GetOptions{})
		if err != nil || slices.Contains(account.Finalizers, Finalizer) != want {
			t.Errorf("the ServiceAccount has finalizers %v, error %v", account.Finalizers, err)
		}
	}
	held(true)
	again, err := rbac.ClusterRoleBindings().Get(ctx, Account+suffix, metav1.GetOptions{})
	if err != nil || again.RoleRef.Name != Account || again.Subjects[0].Name != Account || again.OwnerReferences[0].UID != "uid-of-"+Account {
		t.Errorf("the second binding in the cluster is %+v, error %v", again, err)
	}
	local, err := rbac.RoleBindings("shop").Get(ctx, "restage-controller-workloads"+suffix, metav1.GetOptions{})
	if err != nil || local.RoleRef.Kind != "ClusterRole" || local.OwnerReferences[0].UID != "uid-of-restage-controller-workloads" {
		t.Errorf("the second binding in the namespace is %+v, error %v", local, err)
	}
	if _, err := rbac.RoleBindings("bank").Get(ctx, "restage-controller-workloads"+suffix, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a second binding without a first: %v", err)
	}
	cluster.Acting(t, func() {
		for range 2 {
			if err := keeper.Release(ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
	held(false)
}

// What is being deleted gets no finalizer any more, which the cluster would refuse.
func TestGoingIsLeftAlone(t *testing.T) {
	role := &rbacv1.ClusterRole{ObjectMeta: named("", Account)}
	role.DeletionTimestamp, role.Finalizers = &metav1.Time{Time: time.Now()}, []string{"others/finalizer"}
	cluster := controllertest.New(role)
	keeper := &Keeper{Namespace: ours, Kube: cluster.Kube}
	if _, err := keeper.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
		t.Fatal(err)
	}
	live, err := cluster.Kube.RbacV1().ClusterRoles().Get(t.Context(), Account, metav1.GetOptions{})
	if err != nil || !slices.Equal(live.Finalizers, role.Finalizers) {
		t.Errorf("the role has finalizers %v, error %v", live.Finalizers, err)
	}
}
