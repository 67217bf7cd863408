// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package rights keeps the controller able to clear up when all that it was installed by is deleted at once, as kubectl delete -f does:
// its roles and its ServiceAccount would be gone before it has taken a single recording proxy out.
//
// So each of them carries a finalizer, which keeps it, deleted as it is, until the controller has cleared up. Bindings cannot be kept in
// this way, since nobody would have the right to let go of the last one. Instead there is a second binding of each, in no manifest,
// which belongs to the role and is collected with it; and, for the ServiceAccount, which goes last, a role of its own.
package rights

import (
	"context"
	"errors"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	rbacapply "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	// Finalizer keeps what the controller needs to clear up.
	Finalizer = "replay.restage.dev/teardown"
	// Account is the name of the controller's ServiceAccount, and of the first of its roles.
	Account = "restage-controller"

	suffix       = "-teardown"
	fieldManager = "restage-rights"
	// repair is how often the rights are looked at without an event.
	repair = 5 * time.Minute
)

// Roles are the controller's ClusterRoles. The first holds the rights to let go of all of them, so it goes last. Not each is there in
// every installation.
var Roles = []string{Account, "restage-controller-workloads", "restage-controller-injection", workload.RecorderRole}

// Keeper holds on to the controller's rights, and lets go of them.
type Keeper struct {
	// Namespace is our own.
	Namespace string
	// Namespaces in which the roles may be bound where they are not bound in the whole cluster.
	Namespaces []string
	Kube       kubernetes.Interface
}

// Reconcile puts the finalizers on and makes the second bindings. What is being deleted is left as it is.
func (k *Keeper) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	var errs []error
	for _, name := range Roles {
		if err := k.holdRole(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("holding ClusterRole %q: %w", name, err))
		}
	}
	if err := k.holdAccount(ctx); err != nil {
		errs = append(errs, fmt.Errorf("holding ServiceAccount %s/%s: %w", k.Namespace, Account, err))
	}
	return repair, errors.Join(errs...)
}

func (k *Keeper) holdRole(ctx context.Context, name string) error {
	role, err := k.Kube.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil || role.DeletionTimestamp != nil {
		return err
	}
	if err := k.bindAgain(ctx, role); err != nil {
		return err
	}
	_, err = k.Kube.RbacV1().ClusterRoles().Apply(ctx, rbacapply.ClusterRole(name).WithUID(role.UID).WithFinalizers(Finalizer), options())
	return err
}

// bindAgain makes a second binding to the role of each that there is.
func (k *Keeper) bindAgain(ctx context.Context, role *rbacv1.ClusterRole) error {
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}
	owner := owned.Owner{Controller: *metav1.NewControllerRef(role, rbacv1.SchemeGroupVersion.WithKind("ClusterRole")), FieldManager: fieldManager}
	owner.Controller.BlockOwnerDeletion = ptr.To(false)
	_, err := k.Kube.RbacV1().ClusterRoleBindings().Get(ctx, role.Name, metav1.GetOptions{})
	if err == nil {
		_, err = owned.Apply(ctx, k.Kube.RbacV1().ClusterRoleBindings(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name + suffix}, RoleRef: ref, Subjects: k.subjects(),
		}, owner)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	for _, namespace := range k.Namespaces {
		_, err := k.Kube.RbacV1().RoleBindings(namespace).Get(ctx, role.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err == nil {
			_, err = owned.Apply(ctx, k.Kube.RbacV1().RoleBindings(namespace), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: role.Name + suffix, Namespace: namespace}, RoleRef: ref, Subjects: k.subjects(),
			}, owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) holdAccount(ctx context.Context) error {
	account, err := k.Kube.CoreV1().ServiceAccounts(k.Namespace).Get(ctx, Account, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil // run from outside of the cluster
	}
	if err != nil || account.DeletionTimestamp != nil {
		return err
	}
	name := Account + suffix
	owner := owned.Owner{Controller: metav1.OwnerReference{
		APIVersion: "v1", Kind: "ServiceAccount", Name: account.Name, UID: account.UID, Controller: ptr.To(true),
	}, FieldManager: fieldManager}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: k.Namespace},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{Account}, Verbs: []string{"get", "patch"}},
		},
	}
	if _, err := owned.Apply(ctx, k.Kube.RbacV1().Roles(k.Namespace), role, owner); err != nil {
		return err
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: k.Namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: k.subjects(),
	}
	if _, err := owned.Apply(ctx, k.Kube.RbacV1().RoleBindings(k.Namespace), binding, owner); err != nil {
		return err
	}
	_, err = k.Kube.CoreV1().ServiceAccounts(k.Namespace).Apply(ctx,
		coreapply.ServiceAccount(Account, k.Namespace).WithUID(account.UID).WithFinalizers(Finalizer), options())
	return err
}

func (k *Keeper) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: Account, Namespace: k.Namespace}}
}

// Release takes the finalizers off, the roles first and of them the first last, so that each step is still allowed. It goes on after
// an error and returns all of them.
func (k *Keeper) Release(ctx context.Context) error {
	var errs []error
	for i := len(Roles) - 1; i >= 0; i-- {
		role, err := k.Kube.RbacV1().ClusterRoles().Get(ctx, Roles[i], metav1.GetOptions{})
		if err == nil {
			_, err = k.Kube.RbacV1().ClusterRoles().Apply(ctx, rbacapply.ClusterRole(role.Name).WithUID(role.UID), options())
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("letting go of ClusterRole %q: %w", Roles[i], err))
		}
	}
	account, err := k.Kube.CoreV1().ServiceAccounts(k.Namespace).Get(ctx, Account, metav1.GetOptions{})
	if err == nil {
		_, err = k.Kube.CoreV1().ServiceAccounts(k.Namespace).Apply(ctx, coreapply.ServiceAccount(Account, k.Namespace).WithUID(account.UID), options())
	}
	if err != nil && !apierrors.IsNotFound(err) {
		errs = append(errs, fmt.Errorf("letting go of ServiceAccount %s/%s: %w", k.Namespace, Account, err))
	}
	return errors.Join(errs...)
}

func options() metav1.ApplyOptions {
	return metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
}
