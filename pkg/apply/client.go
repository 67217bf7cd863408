// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package apply brings a list of objects onto a cluster by server-side apply, says what that would change, and waits until what was
// applied works, with the reason when it does not.
package apply

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
)

// FieldManager owns the fields that are applied.
const FieldManager = "kubectl-restage"

// Client applies, compares and waits.
type Client struct {
	dynamic    dynamic.Interface
	mapper     meta.ResettableRESTMapper
	kube       kubernetes.Interface
	aggregator aggregator.Interface
}

// New returns a client. It asks the cluster nothing yet. An installation is a hundred requests or so at once, so there is no limit of
// their rate: the cluster has its own.
func New(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	discoveryClient, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of discovery: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of Kubernetes: %w", err)
	}
	registrations, err := aggregator.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of registrations: %w", err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoveryClient))
	return &Client{dynamic: dynamicClient, mapper: mapper, kube: kube, aggregator: registrations}, nil
}

// resource returns where an object is. A kind that is not known may have been registered since discovery was read, so that is then
// read anew.
func (c *Client) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: looking for its kind on the cluster: %w", Name(object), err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	if object.GetNamespace() == "" {
		return nil, fmt.Errorf("%s: it has no namespace, and its kind is namespaced", Name(object))
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// Name is how an object is called in messages: Deployment restage-system/restage-controller.
func Name(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetKind() + " " + object.GetName()
	}
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}
