// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package owned applies the objects that a reconciler makes for another object, server-side, and never touches one of
// the same name that is somebody else's.
package owned

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Object is what can be applied: a pointer to a typed object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Owner says whose the objects are.
type Owner struct {
	// Controller is the controlling owner reference that every object gets.
	Controller metav1.OwnerReference
	// Labels that every object gets besides its own.
	Labels map[string]string
	// FieldManager of the applied fields.
	FieldManager string
}

// client is what a typed client of T with the apply configuration A can do.
type client[T Object, A any] interface {
	applier[T, A]
	deleter
}

// TakenError says that an object of the wanted name exists and belongs to somebody else.
type TakenError struct {
	Kind, Name, Owner string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s %q exists and does not belong to %s", e.Kind, e.Name, e.Owner)
}

// Apply makes the object as desired and returns what the server holds. When an object of that name exists that owner does not control,
// the error is that of Contest.
func Apply[T Object, A any](ctx context.Context, c client[T, A], desired T, owner Owner) (T, error) {
	return ApplyChanged(ctx, c, nil, desired, owner)
}

// ApplyChanged is Apply for what is applied again and again: an object in which what is the owner's, as extract finds it by the field manager, is as
// desired is returned as it is. Without extract it is applied in any case.
func ApplyChanged[T Object, A any](ctx context.Context, c client[T, A], extract Extract[T, A], desired T, owner Owner) (T, error) {
	var none T
	kind, err := setKind(desired)
	if err != nil {
		return none, err
	}
	existing, err := c.Get(ctx, desired.GetName(), metav1.GetOptions{})
	found := err == nil
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return none, fmt.Errorf("looking for %s %q: %w", kind, desired.GetName(), err)
	case !controls(owner.Controller, existing):
		return none, Contest(ctx, c, kind, existing, owner.Controller)
	}
	Adopt(desired, owner)
	config, err := configuration[A](desired)
	if err != nil {
		return none, fmt.Errorf("applying %s %q: %w", kind, desired.GetName(), err)
	}
	if found && extract != nil && unchanged(existing, extract, owner.FieldManager, config) {
		return existing, nil
	}
	return write(ctx, c, kind, desired.GetName(), owner.FieldManager, config)
}

// Adopt marks an object that is about to be made as the owner's.
func Adopt(object metav1.Object, owner Owner) {
	labels := map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}
	maps.Copy(labels, owner.Labels)
	maps.Copy(labels, object.GetLabels())
	object.SetLabels(labels)
	object.SetOwnerReferences([]metav1.OwnerReference{owner.Controller})
}

func controls(controller metav1.OwnerReference, object metav1.Object) bool {
	ref := metav1.GetControllerOfNoCopy(object)
	return ref != nil && ref.UID == controller.UID
}

// setKind fills in the kind, which typed objects lack and apply configurations need.
func setKind(object runtime.Object) (string, error) {
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return "", err
	}
	object.GetObjectKind().SetGroupVersionKind(kinds[0])
	return kinds[0].Kind, nil
}

// configuration writes a typed object as an apply configuration, without its status.
func configuration[A any](object runtime.Object) (*A, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	delete(fields, "status")
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	config := new(A)
	return config, json.Unmarshal(data, config)
}
