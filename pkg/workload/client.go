// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Client reads workloads from the cluster, and changes them.
type Client struct {
	Kube kubernetes.Interface
	// Dynamic is for kinds that are not Kubernetes' own.
	Dynamic dynamic.Interface
}

// KindOf returns the kind that a reference names. The one without a kind is of a Deployment.
func KindOf(ref v1alpha1.WorkloadReference) (schema.GroupVersionKind, error) {
	v1alpha1.SetDefaults_WorkloadReference(&ref)
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("apiVersion %q: %w", ref.APIVersion, err)
	}
	return version.WithKind(ref.Kind), nil
}

// Same tells whether two references name one workload.
func Same(a, b v1alpha1.WorkloadReference) bool {
	v1alpha1.SetDefaults_WorkloadReference(&a)
	v1alpha1.SetDefaults_WorkloadReference(&b)
	return a == b
}

// Resource returns the resource of the kind that a reference names. The error is an *UnknownKindError when the cluster has no such kind.
func (c Client) Resource(ctx context.Context, ref v1alpha1.WorkloadReference) (schema.GroupVersionResource, error) {
	gvk, err := KindOf(ref)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	if known := builtIn(gvk); known != nil {
		return gvk.GroupVersion().WithResource(known.resource), nil
	}
	if gvk == (schema.GroupVersionKind{Version: "v1", Kind: v1alpha1.KindService}) {
		return gvk.GroupVersion().WithResource("services"), nil
	}
	list, err := c.Kube.Discovery().ServerResourcesForGroupVersion(gvk.GroupVersion().String())
	if err != nil && !apierrors.IsNotFound(err) {
		return schema.GroupVersionResource{}, fmt.Errorf("asking for the kinds of %s: %w", gvk.GroupVersion(), err)
	}
	if list != nil {
		for _, resource := range list.APIResources {
			if resource.Kind == gvk.Kind && resource.Namespaced && !strings.Contains(resource.Name, "/") {
				return gvk.GroupVersion().WithResource(resource.Name), nil
			}
		}
	}
	return schema.GroupVersionResource{}, &UnknownKindError{gvk}
}

// Get reads a workload. Errors that its user can do something about are a NotFound of the API, *UnknownKindError, *NoTemplateError and
// *RightError.
func (c Client) Get(ctx context.Context, namespace string, ref v1alpha1.WorkloadReference) (*Workload, error) {
	gvk, err := KindOf(ref)
	if err != nil {
		return nil, err
	}
	if known := builtIn(gvk); known != nil {
		object, err := known.get(ctx, c.Kube, namespace, ref.Name)
		if err != nil {
			return nil, err
		}
		return Of(object)
	}
	resource, err := c.Resource(ctx, ref)
	if err != nil {
		return nil, err
	}
	object, err := c.Dynamic.Resource(resource).Namespace(namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, rightError(err, "get", resource)
	}
	return ofUnstructured(object)
}

// List reads the workloads of a resource, in a namespace or in all of them. Objects of kinds that are not Kubernetes' own and have no pod
// template are left out.
func (c Client) List(ctx context.Context, namespace string, resource schema.GroupVersionResource) ([]*Workload, error) {
	var workloads []*Workload
	for _, known := range kinds {
		if known.gvk.GroupVersion().WithResource(known.resource) != resource {
			continue
		}
		objects, err := known.list(ctx, c.Kube, namespace)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			w, err := Of(object)
			if err != nil {
				return nil, err
			}
			workloads = append(workloads, w)
		}
		return workloads, nil
	}
	list, err := c.Dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, rightError(err, "list", resource)
	}
	for i := range list.Items {
		if w, err := ofUnstructured(&list.Items[i]); err == nil {
			workloads = append(workloads, w)
		}
	}
	return workloads, nil
}

// Patch changes a workload.
func (c Client) Patch(ctx context.Context, w *Workload, t types.PatchType, data []byte, o metav1.PatchOptions) (*Workload, error) {
	if known := builtIn(w.Kind); known != nil {
		object, err := known.patch(ctx, c.Kube, w.GetNamespace(), w.GetName(), t, data, o)
		if err != nil {
			return nil, err
		}
		return Of(object)
	}
	resource, err := c.Resource(ctx, w.Reference())
	if err != nil {
		return nil, err
	}
	var object *unstructured.Unstructured
	if object, err = c.Dynamic.Resource(resource).Namespace(w.GetNamespace()).Patch(ctx, w.GetName(), t, data, o); err != nil {
		return nil, rightError(err, "patch", resource)
	}
	return ofUnstructured(object)
}
