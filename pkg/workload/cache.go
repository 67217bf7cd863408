// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Cache reads workloads of the kinds that are watched from informers, and all others live.
type Cache struct {
	Client
	// Informers must have been started, after Watch.
	Informers informers.SharedInformerFactory
}

// Watch returns the informers of the kinds that are watched: those that keep pods running and that people write, and CronJobs. ReplicaSets,
// Jobs and Pods are many, and most of them are made by others.
func Watch(factory informers.SharedInformerFactory) []cache.SharedIndexInformer {
	apps := factory.Apps().V1()
	return []cache.SharedIndexInformer{
		apps.Deployments().Informer(), apps.StatefulSets().Informer(), apps.DaemonSets().Informer(), factory.Batch().V1().CronJobs().Informer(),
	}
}

// IsWatched tells whether a kind is watched, so that annotations of its objects are seen.
func IsWatched(gvk schema.GroupVersionKind) bool {
	return slices.ContainsFunc(Cache{}.watched(), func(watched watchedKind) bool { return watched.gvk == gvk })
}

// Watched are the resources of the kinds that are watched.
func Watched() (resources []schema.GroupVersionResource) {
	for _, watched := range (Cache{}).watched() {
		resources = append(resources, watched.gvk.GroupVersion().WithResource(watched.resource))
	}
	return resources
}

// Get reads a workload; its errors are those of Client.Get.
func (c Cache) Get(ctx context.Context, namespace string, ref v1alpha1.WorkloadReference) (*Workload, error) {
	gvk, err := KindOf(ref)
	if err != nil {
		return nil, err
	}
	for _, watched := range c.watched() {
		if gvk == watched.gvk {
			object, err := watched.get(namespace, ref.Name)
			if err != nil {
				return nil, err
			}
			return Of(object)
		}
	}
	return c.Client.Get(ctx, namespace, ref)
}

// Named returns the workloads of the watched kinds that have a name.
func (c Cache) Named(namespace, name string) ([]*Workload, error) {
	var found []*Workload
	for _, watched := range c.watched() {
		object, err := watched.get(namespace, name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		w, err := Of(object)
		if err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, nil
}

type watchedKind struct {
	*kind
	get func(namespace, name string) (Object, error)
}

func (c Cache) watched() []watchedKind {
	return []watchedKind{
		{builtIn(appsv1.SchemeGroupVersion.WithKind("Deployment")), func(namespace, name string) (Object, error) {
			return c.Informers.Apps().V1().Deployments().Lister().Deployments(namespace).Get(name)
		}},
		{builtIn(appsv1.SchemeGroupVersion.WithKind("StatefulSet")), func(namespace, name string) (Object, error) {
			return c.Informers.Apps().V1().StatefulSets().Lister().StatefulSets(namespace).Get(name)
		}},
		{builtIn(appsv1.SchemeGroupVersion.WithKind("DaemonSet")), func(namespace, name string) (Object, error) {
			return c.Informers.Apps().V1().DaemonSets().Lister().DaemonSets(namespace).Get(name)
		}},
		{builtIn(batchv1.SchemeGroupVersion.WithKind("CronJob")), func(namespace, name string) (Object, error) {
			return c.Informers.Batch().V1().CronJobs().Lister().CronJobs(namespace).Get(name)
		}},
	}
}
