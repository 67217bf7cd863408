// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package teardown

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// outside is what the manifests install outside of our namespace. The controller's own roles come last, since it needs them here.
var outside = []struct {
	group, resource, namespace string
	names                      []string
}{
	{"rbac.authorization.k8s.io", "rolebindings", metav1.NamespaceSystem, []string{"restage-apiserver-authentication-reader"}},
	{"scheduling.k8s.io", "priorityclasses", "", []string{"restage"}},
	{"rbac.authorization.k8s.io", "clusterrolebindings", "", []string{
		"restage-apiserver-auth-delegator", "restage-apiserver", "restage-apiserver-workloads", "restage-forwarder-auth-delegator",
		"restage-workload-reader", "restage-workload-recorder", "restage-controller-safeguards", "restage-controller", "restage-controller-workloads", "restage-controller-injection",
	}},
	{"rbac.authorization.k8s.io", "clusterroles", "", []string{
		"restage-apiserver", "restage-apiserver-workloads", "restage-metrics-reader", "restage-view", "restage-edit", "restage-traffic-reader",
		"restage-class-user", "restage-workload-reader", "restage-workload-recorder", "restage-controller-safeguards", "restage-controller-injection", "restage-controller-workloads", "restage-controller",
	}},
}

// bound are the RoleBindings of the namespaces of Cluster.Namespaces.
var bound = []string{
	"restage-apiserver-workloads", "restage-workload-reader", "restage-workload-recorder", "restage-controller-workloads", "restage-controller-injection",
}

// Uninstall deletes what the manifests installed outside of our namespace, for when that is deleted without them. It goes on after
// an error and returns all of them.
func (c Cluster) Uninstall(ctx context.Context) error {
	var errs []error
	for _, namespace := range c.Namespaces {
		for _, name := range bound {
			errs = append(errs, c.deleteInstalled(ctx, schema.GroupVersionResource{
				Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings",
			}, namespace, name))
		}
	}
	for _, kind := range outside {
		for _, name := range kind.names {
			resource := schema.GroupVersionResource{Group: kind.group, Version: "v1", Resource: kind.resource}
			errs = append(errs, c.deleteInstalled(ctx, resource, kind.namespace, name))
		}
	}
	return errors.Join(errs...)
}

// deleteInstalled deletes an object that carries our label.
func (c Cluster) deleteInstalled(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) error {
	object, err := c.Metadata.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for %s %q: %w", resource.Resource, name, err)
	}
	if object.Labels[v1alpha1.LabelPartOf] != v1alpha1.PartOf || object.DeletionTimestamp != nil {
		return nil
	}
	return c.delete(ctx, resource, object)
}
