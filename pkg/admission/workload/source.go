// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/workload"
)

// Source reads workloads from the host.
type Source struct {
	// Client reads them live.
	Client kubernetes.Interface
	// Dynamic reads those of kinds that are not Kubernetes' own.
	Dynamic dynamic.Interface
	// Cached has Deployments as they were a moment ago, and only what Trim leaves of them. Nil for none.
	Cached appslisters.DeploymentLister
	// Namespaces has them as they were a moment ago. Nil for none.
	Namespaces corelisters.NamespaceLister
}

// Live is the source without its caches, for templates that will run.
func (s Source) Live() Source { return Source{Client: s.Client, Dynamic: s.Dynamic} }

func (s Source) host() workload.Client { return workload.Client{Kube: s.Client, Dynamic: s.Dynamic} }

// Trim is a transformation of informers that leaves of a Deployment what is looked at here.
func Trim(object any) (any, error) {
	deployment, ok := object.(*appsv1.Deployment)
	if !ok {
		return object, nil
	}
	trimmed := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: deployment.Spec.Template}}
	trimmed.Namespace, trimmed.Name = deployment.Namespace, deployment.Name
	trimmed.UID, trimmed.ResourceVersion = deployment.UID, deployment.ResourceVersion
	return trimmed, nil
}

// Find returns a workload, read once a request; it must not be changed. When there is none, or the cluster or Restage's rights do not have
// its kind, the error list says so.
func (s Source) Find(ctx context.Context, namespace string, ref replay.WorkloadReference, path *field.Path) (*workload.Workload, field.ErrorList, error) {
	found, err := memo.ReadCached(ctx, s.key(namespace, ref), s.cached(namespace, ref), func() (*workload.Workload, error) {
		return s.host().Get(ctx, namespace, v1alpha1.WorkloadReference(ref))
	})
	if errs := explain(err, ref, path); len(errs) > 0 {
		return nil, errs, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s %s/%s: %w", ref.Kind, namespace, ref.Name, err)
	}
	return found, nil, nil
}

// Resource returns the resource of the kind that a reference names, asked once a request. There is none when the cluster does not have the
// kind, which Find tells as well.
func (s Source) Resource(ctx context.Context, ref replay.WorkloadReference) (resource schema.GroupVersionResource, known bool, err error) {
	resource, err = memo.Read(ctx, "resource of "+ref.APIVersion+" "+ref.Kind, func() (schema.GroupVersionResource, error) {
		return s.host().Resource(ctx, v1alpha1.WorkloadReference(ref))
	})
	if unknown := new(workload.UnknownKindError); errors.As(err, &unknown) {
		return resource, false, nil
	}
	return resource, err == nil, err
}

// explain returns the errors that the user who wrote the reference can do something about.
func explain(err error, ref replay.WorkloadReference, path *field.Path) field.ErrorList {
	var unknown *workload.UnknownKindError
	var bare *workload.NoTemplateError
	var right *workload.RightError
	switch {
	case apierrors.IsNotFound(err):
		return field.ErrorList{field.NotFound(path.Child("name"), ref.Name)}
	case errors.As(err, &unknown):
		return field.ErrorList{field.Invalid(path.Child("kind"), ref.Kind, unknown.Error())}
	case errors.As(err, &bare):
		return field.ErrorList{field.Invalid(path.Child("name"), ref.Name, bare.Error())}
	case errors.As(err, &right):
		return field.ErrorList{field.Forbidden(path.Child("kind"), right.Error())}
	}
	return nil
}

// key keeps what was read live apart from what may come from the cache.
func (s Source) key(namespace string, ref replay.WorkloadReference) string {
	key := ref.APIVersion + " " + ref.Kind + "/" + namespace + "/" + ref.Name
	if s.Cached == nil {
		return "live " + key
	}
	return key
}

func (s Source) cached(namespace string, ref replay.WorkloadReference) func() (*workload.Workload, bool) {
	if s.Cached == nil || ref.APIVersion != v1alpha1.DefaultWorkloadAPIVersion || ref.Kind != v1alpha1.DefaultWorkloadKind {
		return nil
	}
	return func() (*workload.Workload, bool) {
		deployment, err := s.Cached.Deployments(namespace).Get(ref.Name)
		if err != nil {
			return nil, false
		}
		found, err := workload.Of(deployment)
		return found, err == nil
	}
}
