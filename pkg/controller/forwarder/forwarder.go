// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package forwarder deploys restage-forwarder and keeps it as it should be.
package forwarder

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Name of the forwarder's Deployment, Service, ServiceAccount and claim.
const Name = wiring.ForwarderDeployment

const (
	fieldManager = "restage-forwarder-deployer"
	// repair is how often the objects are applied without an event.
	repair = 5 * time.Minute
)

// Reconciler deploys the forwarder into our namespace.
type Reconciler struct {
	Namespace string
	Kube      kubernetes.Interface
	Options   Options
}

// Reconcile applies the Service and the Deployment. As the registration, they belong to our ClusterRole, so that an
// uninstallation takes them along.
func (r *Reconciler) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	role, err := r.Kube.RbacV1().ClusterRoles().Get(ctx, apiregistration.ClusterRole, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("looking for the owner of the forwarder: %w", err)
	}
	owner := owned.Owner{
		Controller: metav1.OwnerReference{
			APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: role.Name, UID: role.UID, Controller: ptr.To(true),
		},
		FieldManager: fieldManager,
	}
	if _, err := owned.Apply(ctx, r.Kube.CoreV1().Services(r.Namespace), service(), owner); err != nil {
		return 0, err
	}
	if _, err := owned.Apply(ctx, r.Kube.AppsV1().Deployments(r.Namespace), deployment(r.Options), owner); err != nil {
		return 0, err
	}
	return repair, nil
}
