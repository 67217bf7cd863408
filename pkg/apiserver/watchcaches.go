// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// watchCaches hands out what the watch caches of this server hold, to its own admission plugins: neither encoded nor through a handler,
// which would cost more than the rest of the creation does. It has nothing before the storage is made. What this server itself has written
// is always among it, so that whoever creates a class and then what needs it finds it; what another replica writes comes a moment later.
type watchCaches struct {
	scheme  *runtime.Scheme
	storage atomic.Pointer[map[string]rest.Storage]
}

// written tells how far the writes through this server have come.
type written interface{ Written() string }

// Get returns an object in the version that our clients use. It shares its parts with the cache.
func (c *watchCaches) Get(ctx context.Context, resource, namespace, name string) (runtime.Object, error) {
	stored, err := storageOf[interface {
		rest.Getter
		written
	}](c, resource)
	if err != nil {
		return nil, err
	}
	object, err := stored.Get(request.WithNamespace(ctx, namespace), name, &metav1.GetOptions{ResourceVersion: stored.Written()})
	if err != nil {
		return nil, err
	}
	return c.scheme.UnsafeConvertToVersion(object, v1alpha1.SchemeGroupVersion)
}

// Classes returns all classes.
func (c *watchCaches) Classes(ctx context.Context) ([]*v1alpha1.EnvironmentClass, error) {
	stored, err := storageOf[interface {
		rest.Lister
		written
	}](c, "environmentclasses")
	if err != nil {
		return nil, err
	}
	list, err := stored.List(request.WithNamespace(ctx, ""), &internalversion.ListOptions{
		ResourceVersion: stored.Written(), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return nil, err
	}
	converted, err := c.scheme.UnsafeConvertToVersion(list, v1alpha1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	items := converted.(*v1alpha1.EnvironmentClassList).Items
	classes := make([]*v1alpha1.EnvironmentClass, len(items))
	for i := range items {
		classes[i] = &items[i]
	}
	return classes, nil
}

func storageOf[T any](c *watchCaches, resource string) (T, error) {
	var none T
	storage := c.storage.Load()
	if storage == nil {
		return none, errors.New("the storage is not there yet")
	}
	serving, ok := (*storage)[resource].(T)
	if !ok {
		return none, fmt.Errorf("%s are not stored here", resource)
	}
	return serving, nil
}
