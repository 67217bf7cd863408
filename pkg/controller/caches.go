// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
	replayinformers "github.com/restage-dev/restage/pkg/generated/informers/externalversions/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/workload"
)

// caches hold, of one namespace or of all, our own group, all workloads of the kinds that are watched, which may be recorded, and the pods
// and Jobs that we have made. EnvironmentClasses, which have no namespace, are in each.
type caches struct {
	own     externalversions.SharedInformerFactory
	cluster informers.SharedInformerFactory
	made    informers.SharedInformerFactory
}

func newCaches(c *clients, namespace string) *caches {
	return &caches{
		own:     externalversions.NewSharedInformerFactoryWithOptions(c.replay, 0, externalversions.WithNamespace(namespace)),
		cluster: informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(namespace), informers.WithTransform(withoutManagedFields)),
		made: informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(namespace), informers.WithTweakListOptions(func(opts *metav1.ListOptions) {
			opts.LabelSelector = v1alpha1.LabelComponent
		})),
	}
}

// withoutManagedFields halves the size of a cached workload. What is ours in it stays known, to be found there; where other field managers matter
// it is read from the server. The object is one that nobody else has seen yet.
func withoutManagedFields(obj any) (any, error) {
	if object, ok := obj.(metav1.Object); ok {
		object.SetManagedFields(slices.DeleteFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
			return entry.Manager != capture.FieldManager
		}))
	}
	return obj, nil
}

func (c *caches) group() replayinformers.Interface {
	return c.own.Replay().V1alpha1()
}

// start waits for the first lists; false when ctx is done first.
func (c *caches) start(ctx context.Context) bool {
	all := []cache.SharedIndexInformer{
		c.group().TrafficCaptures().Informer(), c.group().TrafficSnapshots().Informer(), c.group().ReplayProfiles().Informer(),
		c.group().Environments().Informer(), c.group().EnvironmentClasses().Informer(), c.group().TrafficReplays().Informer(),
		c.made.Core().V1().Pods().Informer(), c.made.Batch().V1().Jobs().Informer(),
	}
	all = append(all, workload.Watch(c.cluster)...)
	c.own.StartWithContext(ctx)
	c.cluster.StartWithContext(ctx)
	c.made.StartWithContext(ctx)
	return !slices.ContainsFunc(all, func(informer cache.SharedIndexInformer) bool {
		return !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
	})
}

// used tells whether anything of ours is in a namespace that its pods need credentials for.
func (c *caches) used(namespace string) (bool, error) {
	for _, count := range []func() (int, error){
		func() (int, error) { return size(c.group().TrafficCaptures().Lister().TrafficCaptures(namespace)) },
		func() (int, error) { return size(c.group().TrafficSnapshots().Lister().TrafficSnapshots(namespace)) },
		func() (int, error) { return size(c.group().Environments().Lister().Environments(namespace)) },
		func() (int, error) { return size(c.group().TrafficReplays().Lister().TrafficReplays(namespace)) },
	} {
		if n, err := count(); n > 0 || err != nil {
			return n > 0, err
		}
	}
	return false, nil
}

func size[T any](lister interface {
	List(labels.Selector) ([]T, error)
}) (int, error) {
	all, err := lister.List(labels.Everything())
	return len(all), err
}

// usedNamespaces are those with anything of ours in them, as keys.
func (c *caches) usedNamespaces() []types.NamespacedName {
	namespaces := map[string]bool{}
	for _, informer := range []cache.SharedIndexInformer{
		c.group().TrafficCaptures().Informer(), c.group().TrafficSnapshots().Informer(),
		c.group().Environments().Informer(), c.group().TrafficReplays().Informer(),
	} {
		for _, namespace := range informer.GetIndexer().ListIndexFuncValues(cache.NamespaceIndex) {
			namespaces[namespace] = true
		}
	}
	var keys []types.NamespacedName
	for namespace := range namespaces {
		keys = append(keys, types.NamespacedName{Name: namespace})
	}
	return keys
}
