// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/teardown"
	"github.com/restage-dev/restage/pkg/workload"
)

// recordedWorkload is one whose template holds the recording proxy.
type recordedWorkload struct {
	Object
	*workload.Workload
	resource schema.GroupVersionResource
	// controlled tells that the controller put it in, or kubectl restage inject in the cluster. Otherwise it comes from a manifest, or somebody copied it.
	controlled bool
}

// recorded finds the workloads with a recording proxy in their templates. Copies in environments have one as well and are not workloads of
// users, and neither is what a workload makes from its template.
func recorded(ctx context.Context, c workload.Client) ([]recordedWorkload, error) {
	resources, err := c.Recordable(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for recorded workloads: %w", err)
	}
	var all []recordedWorkload
	for _, resource := range resources {
		workloads, err := c.List(ctx, metav1.NamespaceAll, resource)
		if apierrors.IsNotFound(err) {
			continue // a kind that the cluster no longer has
		}
		if err != nil {
			return nil, fmt.Errorf("looking for recorded %s: %w", resource.Resource, err)
		}
		for _, w := range workloads {
			controlled := capture.IsOurs(w) || capture.IsInjected(w)
			if teardown.IsMade(w) || w.Controlled() != nil || !controlled && !injection.HasProxy(w.Template.Spec) {
				continue
			}
			object := Object{Kind: w.Kind.Kind, Namespace: w.GetNamespace(), Name: w.GetName()}
			all = append(all, recordedWorkload{object, w, resource, controlled})
		}
	}
	return all, nil
}

// takeOut takes the proxy out of a template, whoever put it in.
func takeOut(ctx context.Context, c workload.Client, w recordedWorkload) error {
	if w.Object.Kind == v1alpha1.DefaultWorkloadKind {
		if _, err := inplace.Restore(ctx, c.Kube, w.Object.Namespace, w.Object.Name, ""); err != nil {
			return err
		}
	}
	if capture.IsInjected(w.Workload) {
		if err := capture.Uninject(ctx, c, w.Workload); err != nil {
			return err
		}
	}
	return capture.Strip(ctx, c, w.Object.Namespace, w.Reference())
}
