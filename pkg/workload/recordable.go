// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Recordable returns the resources whose templates Restage may have changed: those of Kubernetes' own kinds, and of others those that an
// administrator has let it patch.
func (c Client) Recordable(ctx context.Context) ([]schema.GroupVersionResource, error) {
	var resources []schema.GroupVersionResource
	for _, k := range kinds {
		if k.resource != "jobs" && k.resource != "pods" {
			resources = append(resources, k.gvk.GroupVersion().WithResource(k.resource))
		}
	}
	others, err := c.Granted(ctx)
	return append(resources, others...), err
}

// Granted are the resources of other kinds in the role that gathers the rights to patch.
func (c Client) Granted(ctx context.Context) ([]schema.GroupVersionResource, error) {
	role, err := c.Kube.RbacV1().ClusterRoles().Get(ctx, RecorderRole, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ClusterRole %q: %w", RecorderRole, err)
	}
	var resources []schema.GroupVersionResource
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, name := range rule.Resources {
				resource, known, err := c.preferred(schema.GroupResource{Group: group, Resource: name})
				if err != nil {
					return nil, err
				}
				if known && !slices.Contains(resources, resource) {
					resources = append(resources, resource)
				}
			}
		}
	}
	return resources, nil
}

// preferred adds the version that the cluster prefers; false when it does not have the group.
func (c Client) preferred(resource schema.GroupResource) (schema.GroupVersionResource, bool, error) {
	groups, err := c.Kube.Discovery().ServerGroups()
	if err != nil {
		return schema.GroupVersionResource{}, false, fmt.Errorf("asking for the API groups: %w", err)
	}
	for _, group := range groups.Groups {
		if group.Name == resource.Group {
			return resource.WithVersion(group.PreferredVersion.Version), true, nil
		}
	}
	return schema.GroupVersionResource{}, false, nil
}
