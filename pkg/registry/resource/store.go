// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// Category selects all kinds of Restage at once: kubectl get restage.
const Category = "restage"

// REST serves a kind.
type REST struct {
	*genericregistry.Store
	shortNames []string
	// keep fills in what the server wrote into the spec. Nil for kinds into which it writes nothing.
	keep   rest.TransformFunc
	writes *writes
}

// Update changes an object. What the server wrote into its spec is filled in before anybody looks whether there is a change, so
// that a manifest without it can be applied again and again without a new version.
func (r *REST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, validateCreate rest.ValidateObjectFunc,
	validateUpdate rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	if r.keep != nil {
		info = rest.WrapUpdatedObjectInfo(info, r.keep, fieldmanager.IgnoreManagedFieldsTimestampsTransformer)
	}
	return r.Store.Update(ctx, name, info, validateCreate, validateUpdate, forceAllowCreate, options)
}

// Written is the resource version of the newest write to the kind that passed through this server, "0" when there was none. A read that
// asks for it is answered by the watch cache, as soon as that has seen the write.
func (r *REST) Written() string { return r.writes.newest() }

// ShortNames are what kubectl accepts for the plural.
func (r *REST) ShortNames() []string { return r.shortNames }

// Categories of the kind.
func (r *REST) Categories() []string { return []string{Category} }

// StatusREST serves the subresource status of a kind.
type StatusREST struct {
	store *genericregistry.Store
}

// New returns an empty object.
func (r *StatusREST) New() runtime.Object { return r.store.New() }

// Destroy does nothing: the store belongs to REST.
func (r *StatusREST) Destroy() {}

// Get returns the whole object.
func (r *StatusREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return r.store.Get(ctx, name, options)
}

// Update changes the status of an object that exists.
func (r *StatusREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, validateCreate rest.ValidateObjectFunc,
	validateUpdate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return r.store.Update(ctx, name, info, validateCreate, validateUpdate, false, options)
}

// GetResetFields are those that a write of the status leaves alone.
func (r *StatusREST) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return r.store.GetResetFields()
}

// ConvertToTable prints the object as its main resource does.
func (r *StatusREST) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return r.store.ConvertToTable(ctx, object, options)
}

// NewREST makes the storage of a kind and, when it has one, of its status.
func NewREST[T Object](kind *Kind[T], scheme *runtime.Scheme, getter generic.RESTOptionsGetter) (*REST, *StatusREST, error) {
	s := strategy[T]{DeclarativeValidation: rest.DeclarativeValidation{Scheme: scheme}, NameGenerator: names.SimpleNameGenerator, kind: kind}
	store := &genericregistry.Store{
		NewFunc:     func() runtime.Object { return kind.New() },
		NewListFunc: kind.NewList,
		PredicateFunc: func(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
			return storage.SelectionPredicate{Label: label, Field: field, GetAttrs: kind.attributes, IndexFields: kind.indexed()}
		},
		DefaultQualifiedResource:  replay.Resource(kind.Plural),
		SingularQualifiedResource: replay.Resource(kind.Singular),
		CreateStrategy:            s,
		UpdateStrategy:            s,
		DeleteStrategy:            s,
		ResetFieldsStrategy:       s,
		TableConvertor:            tableConvertor[T]{kind},
	}
	written := &writes{}
	written.watch(store)
	if err := store.CompleteWithOptions(&generic.StoreOptions{
		RESTOptions: getter, AttrFunc: kind.attributes, TriggerFunc: kind.trigger(), Indexers: kind.indexers(),
	}); err != nil {
		return nil, nil, fmt.Errorf("storage of %s: %w", kind.Plural, err)
	}
	main := &REST{Store: store, shortNames: kind.ShortNames, keep: kind.keep(), writes: written}
	if !kind.hasStatus() {
		return main, nil, nil
	}
	statusStore := *store
	statusStore.UpdateStrategy = statusStrategy[T]{s}
	statusStore.ResetFieldsStrategy = statusStrategy[T]{s}
	return main, &StatusREST{store: &statusStore}, nil
}
