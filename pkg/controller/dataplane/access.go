// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/injection"
)

// ReadRecords allows to read the traffic of one snapshot.
func ReadRecords(snapshot string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"trafficsnapshots/records"},
		ResourceNames: []string{snapshot}, Verbs: []string{"get"},
	}
}

// WriteReport allows to write the progress, the log and the report of one replay.
func WriteReport(replay string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"trafficreplays/report", "trafficreplays/log"},
		ResourceNames: []string{replay}, Verbs: []string{"update"},
	}
}

// Access is what a pod runs as: a ServiceAccount, a Role with the rules and the RoleBinding between them, all of one name.
type Access struct {
	Namespace, Name string
	// ImagePullSecrets are names of Secrets in the namespace.
	ImagePullSecrets []string
	Rules            []rbacv1.PolicyRule
}

// Apply makes the three objects.
func (a Access) Apply(ctx context.Context, kube kubernetes.Interface, owner owned.Owner) error {
	namespace, name := a.Namespace, a.Name
	account := &corev1.ServiceAccount{
		ObjectMeta:                   metav1.ObjectMeta{Name: name, Namespace: namespace},
		AutomountServiceAccountToken: ptr.To(false),
		ImagePullSecrets:             injection.References(a.ImagePullSecrets),
	}
	if _, err := owned.Apply(ctx, kube.CoreV1().ServiceAccounts(namespace), account, owner); err != nil {
		return err
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Rules: a.Rules}
	if _, err := owned.Apply(ctx, kube.RbacV1().Roles(namespace), role, owner); err != nil {
		return err
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}
	_, err := owned.Apply(ctx, kube.RbacV1().RoleBindings(namespace), binding, owner)
	return err
}
