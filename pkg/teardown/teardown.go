// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package teardown undoes what Restage did to a cluster, from what the cluster itself knows: it asks neither our API nor any
// running part of ours, so that it works when these are gone.
package teardown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/kept"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// Cluster is what is to be left as it was before.
type Cluster struct {
	Kube     kubernetes.Interface
	Dynamic  dynamic.Interface
	Metadata metadata.Interface
	// Home is the namespace that Restage is installed in, where nothing is undone.
	Home string
	// Namespaces that Restage works with; none means all.
	Namespaces []string
}

// made are the kinds of objects that the controller makes in the namespaces of users, in the order in which they go: first what runs.
// Secrets are not among them: the controller may not list any, and finds its own by name.
var made = []schema.GroupVersionResource{
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	{Version: "v1", Resource: "podtemplates"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "configmaps"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Version: "v1", Resource: "serviceaccounts"},
}

var secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}

// Undo gives back workloads that are in environments themselves, takes the recording proxies out of the others and deletes all that was made for environments, replays and namespaces. It
// goes on after an error and returns all of them.
func (c Cluster) Undo(ctx context.Context) error {
	var errs []error
	for _, namespace := range c.namespaces() {
		errs = append(errs, inplace.RestoreAll(ctx, c.Kube, namespace),
			capture.RemoveAll(ctx, c.workloads(), namespace), c.deleteMade(ctx, namespace))
	}
	return errors.Join(errs...)
}

// Makers are the workloads that go on making pods with the proxy; see kept.Makers.
func (c Cluster) Makers(ctx context.Context) (all []*workload.Workload, err error) {
	for _, namespace := range c.namespaces() {
		makers, err := kept.Makers(ctx, c.workloads(), namespace)
		if err != nil {
			return nil, err
		}
		all = append(all, makers...)
	}
	return all, nil
}

func (c Cluster) workloads() workload.Client {
	return workload.Client{Kube: c.Kube, Dynamic: c.Dynamic}
}

func (c Cluster) namespaces() []string {
	if len(c.Namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return c.Namespaces
}

func (c Cluster) deleteMade(ctx context.Context, namespace string) error {
	var errs []error
	for _, resource := range made {
		list, err := c.Metadata.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelPartOf + "=" + v1alpha1.PartOf})
		if err != nil {
			errs = append(errs, fmt.Errorf("looking for %s that Restage made: %w", resource.Resource, err))
			continue
		}
		for i := range list.Items {
			object := &list.Items[i]
			if object.Namespace == c.Home || !IsMade(object) {
				continue
			}
			if resource.Resource == "configmaps" {
				errs = append(errs, c.deleteSecrets(ctx, object))
			}
			errs = append(errs, c.delete(ctx, resource, object))
		}
	}
	return errors.Join(errs...)
}

// deleteSecrets deletes the Secrets that go with a ConfigMap: the redaction key and the CA for TLS with the forwarder's CA, and the
// token of an environment with the address of its responder.
func (c Cluster) deleteSecrets(ctx context.Context, configMap metav1.Object) error {
	names := []string{configMap.GetName()}
	if configMap.GetName() == wiring.ForwarderCAConfigMap {
		names = []string{wiring.RedactionSecret, wiring.TLSCASecret}
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, c.deleteSecret(ctx, configMap.GetNamespace(), name))
	}
	return errors.Join(errs...)
}

func (c Cluster) deleteSecret(ctx context.Context, namespace, name string) error {
	secret, err := c.Metadata.Resource(secrets).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for Secret %s/%s: %w", namespace, name, err)
	}
	if !IsMade(secret) {
		return nil
	}
	return c.delete(ctx, secrets, secret)
}

func (c Cluster) delete(ctx context.Context, resource schema.GroupVersionResource, object metav1.Object) error {
	uid, background := object.GetUID(), metav1.DeletePropagationBackground
	err := c.Metadata.Resource(resource).Namespace(object.GetNamespace()).Delete(ctx, object.GetName(),
		metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s %s/%s: %w", strings.TrimSuffix(resource.Resource, "s"), object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// IsMade tells whether the controller made an object, for an object of our own or for a namespace as a whole. A label that says so is
// not enough: users may set the same one.
func IsMade(object metav1.Object) bool {
	labels := object.GetLabels()
	if labels[v1alpha1.LabelPartOf] != v1alpha1.PartOf {
		return false
	}
	if labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
		return true
	}
	return slices.ContainsFunc(object.GetOwnerReferences(), func(owner metav1.OwnerReference) bool {
		version, err := schema.ParseGroupVersion(owner.APIVersion)
		return err == nil && version.Group == v1alpha1.GroupName
	})
}
