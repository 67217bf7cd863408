// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// strategy keeps users' writes off the status and the generation.
type strategy[T Object] struct {
	rest.DeclarativeValidation
	names.NameGenerator
	kind *Kind[T]
}

func (s strategy[T]) NamespaceScoped() bool                  { return !s.kind.ClusterScoped }
func (strategy[T]) AllowCreateOnUpdate(context.Context) bool { return false }
func (strategy[T]) Canonicalize(runtime.Object)              {}

// AllowUnconditionalUpdate lets an update without a resource version overwrite whatever is there, as Deployments, Jobs and
// ConfigMaps do. One that carries a version is still refused when that is not the newest.
func (strategy[T]) AllowUnconditionalUpdate(context.Context) bool { return true }

func (s strategy[T]) WarningsOnCreate(_ context.Context, obj runtime.Object) []string {
	if s.kind.Warnings == nil {
		return nil
	}
	return s.kind.Warnings(obj.(T))
}

func (s strategy[T]) WarningsOnUpdate(ctx context.Context, obj, old runtime.Object) []string {
	if equality.Semantic.DeepEqual(s.kind.Spec(obj.(T)), s.kind.Spec(old.(T))) {
		return nil
	}
	return s.WarningsOnCreate(ctx, obj)
}

func (s strategy[T]) PrepareForCreate(_ context.Context, obj runtime.Object) {
	created := obj.(T)
	created.SetGeneration(1)
	if s.kind.hasStatus() {
		s.kind.SetStatus(created, s.kind.New())
		s.derive(created)
	}
}

// derive fills in the part of the status that is the server's own.
func (s strategy[T]) derive(object T) {
	if s.kind.DeriveStatus != nil {
		s.kind.DeriveStatus(object)
	}
}

func (s strategy[T]) PrepareForUpdate(_ context.Context, obj, oldObj runtime.Object) {
	updated, old := obj.(T), oldObj.(T)
	if s.kind.hasStatus() {
		s.kind.SetStatus(updated, old)
		s.derive(updated)
	}
	updated.SetGeneration(old.GetGeneration())
	if !equality.Semantic.DeepEqual(s.kind.Spec(updated), s.kind.Spec(old)) {
		updated.SetGeneration(old.GetGeneration() + 1)
	}
}

func (s strategy[T]) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	return s.kind.Validate(obj.(T))
}

func (s strategy[T]) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return s.kind.ValidateUpdate(obj.(T), old.(T))
}

// GetResetFields tells server-side apply that nobody owns the status through the main resource.
func (s strategy[T]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if s.kind.hasStatus() {
		return s.inEveryVersion(fieldpath.NewSet(fieldpath.MakePathOrDie("status")))
	}
	return s.inEveryVersion(fieldpath.NewSet())
}

// statusStrategy lets through nothing but the status.
type statusStrategy[T Object] struct {
	strategy[T]
}

func (s statusStrategy[T]) PrepareForUpdate(_ context.Context, obj, oldObj runtime.Object) {
	updated, old := obj.(T), oldObj.(T)
	s.kind.SetSpec(updated, old)
	metav1.ResetObjectMetaForStatus(updated, old)
	s.derive(updated)
}

func (s statusStrategy[T]) ValidateUpdate(_ context.Context, obj, _ runtime.Object) field.ErrorList {
	return s.kind.ValidateStatus(obj.(T))
}

func (s statusStrategy[T]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	reset := fieldpath.NewSet(s.kind.Derived...)
	reset.Insert(fieldpath.MakePathOrDie("spec"))
	for _, kept := range []string{"labels", "annotations", "finalizers", "ownerReferences"} {
		reset.Insert(fieldpath.MakePathOrDie("metadata", kept))
	}
	return s.inEveryVersion(reset)
}
