// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package resource turns the description of a kind into the REST storage that serves it: strategy, tables, status
// subresource and the generic store on etcd.
package resource

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Object is an API object in its internal form.
type Object interface {
	runtime.Object
	metav1.Object
}

// Kind describes what is particular to one kind; T is a pointer to its internal type.
type Kind[T Object] struct {
	Plural, Singular string
	ShortNames       []string
	ClusterScoped    bool

	New     func() T
	NewList func() runtime.Object

	// Spec returns what the generation counts changes of.
	Spec func(T) any
	// SetSpec and SetStatus copy from the second object to the first. A kind without a status has neither.
	SetSpec, SetStatus func(to, from T)
	// KeepServerFields takes what the server wrote into the spec at creation from the old object. Optional.
	KeepServerFields func(updated, old T)

	Validate       func(T) field.ErrorList
	ValidateUpdate func(updated, old T) field.ErrorList
	ValidateStatus func(T) field.ErrorList // with a status only

	// Warnings tell of what is legal but doubtful, each beginning with the path of the field. They are given when the
	// object is made and when its spec changes. Optional.
	Warnings func(T) []string

	// DeriveStatus fills in what follows from the rest of the status. Nobody else writes the fields at the
	// paths of Derived, which nobody owns. Optional.
	DeriveStatus func(T)
	Derived      []fieldpath.Path

	// Fields are the selectable fields besides name and namespace. All of them are indexed. Optional.
	Fields func(T) fields.Set
	// Trigger is the one of the fields by which a changed object finds the watches that want it; those that
	// do not select by it see every object. Optional.
	Trigger string

	// Columns of tables between the name and the age, and their cells.
	Columns []metav1.TableColumnDefinition
	Cells   func(T) []any
}

func (k *Kind[T]) hasStatus() bool {
	return k.SetStatus != nil
}

// keep returns KeepServerFields in the form of the generic store.
func (k *Kind[T]) keep() rest.TransformFunc {
	if k.KeepServerFields == nil {
		return nil
	}
	return func(_ context.Context, updated, old runtime.Object) (runtime.Object, error) {
		k.KeepServerFields(updated.(T), old.(T))
		return updated, nil
	}
}

// Column describes a column that is always shown.
func Column(name, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: "string", Description: description}
}

// NumberColumn describes a column of whole numbers that is always shown.
func NumberColumn(name, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: "integer", Description: description}
}

// Wide returns the column as one that is shown only with -o wide.
func Wide(column metav1.TableColumnDefinition) metav1.TableColumnDefinition {
	column.Priority = 1
	return column
}
