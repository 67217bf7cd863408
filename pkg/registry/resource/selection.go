// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
)

// attributes are what selectors see of an object.
func (k *Kind[T]) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	object, ok := obj.(T)
	if !ok {
		return nil, nil, fmt.Errorf("selecting %s: unexpected %T", k.Plural, obj)
	}
	selectable := fields.Set{"metadata.name": object.GetName()}
	if !k.ClusterScoped {
		selectable["metadata.namespace"] = object.GetNamespace()
	}
	if k.Fields != nil {
		maps.Copy(selectable, k.Fields(object))
	}
	return object.GetLabels(), selectable, nil
}

// indexed are the names of the fields that lists find their objects by.
func (k *Kind[T]) indexed() []string {
	if k.Fields == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(k.Fields(k.New())))
}

// indexers hold the objects of the watch cache by each selectable field.
func (k *Kind[T]) indexers() *cache.Indexers {
	indexers := cache.Indexers{}
	for _, name := range k.indexed() {
		indexers[storage.FieldIndex(name)] = func(obj any) ([]string, error) {
			object, ok := obj.(T)
			if !ok {
				return nil, fmt.Errorf("indexing %s: unexpected %T", k.Plural, obj)
			}
			return []string{k.Fields(object)[name]}, nil
		}
	}
	return &indexers
}

// trigger returns the value of the field by which watches are found. The cache hands it nothing but objects of the kind.
func (k *Kind[T]) trigger() storage.IndexerFuncs {
	if k.Trigger == "" {
		return nil
	}
	return storage.IndexerFuncs{k.Trigger: func(obj runtime.Object) string { return k.Fields(obj.(T))[k.Trigger] }}
}
