// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

// Source reads workloads from the host.
type Source struct {
	// Client reads them live.
	Client kubernetes.Interface
	// Cached has them as they were a moment ago, and only what Trim leaves of them. Nil for none.
	Cached appslisters.DeploymentLister
}

// Live is the source without its cache, for templates that will run.
func (s Source) Live() Source { return Source{Client: s.Client} }

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

// Find returns a workload, read once a request; it must not be changed. When there is none, the error list says so.
func (s Source) Find(ctx context.Context, namespace string, ref replay.WorkloadReference, path *field.Path) (*appsv1.Deployment, field.ErrorList, error) {
	deployment, err := memo.ReadCached(ctx, s.key(namespace, ref.Name), s.cached(namespace, ref.Name), func() (*appsv1.Deployment, error) {
		return s.Client.AppsV1().Deployments(namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		return nil, field.ErrorList{field.NotFound(path.Child("name"), ref.Name)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading Deployment %s/%s: %w", namespace, ref.Name, err)
	}
	return deployment, nil, nil
}

// key keeps what was read live apart from what may come from the cache.
func (s Source) key(namespace, name string) string {
	if s.Cached == nil {
		return "live Deployment/" + namespace + "/" + name
	}
	return "Deployment/" + namespace + "/" + name
}

func (s Source) cached(namespace, name string) func() (*appsv1.Deployment, bool) {
	if s.Cached == nil {
		return nil
	}
	return func() (*appsv1.Deployment, bool) {
		deployment, err := s.Cached.Deployments(namespace).Get(name)
		return deployment, err == nil
	}
}
