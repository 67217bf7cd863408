// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// FormerError says that an object of the wanted name is left from a former owner of the same name, and is being deleted.
type FormerError struct {
	Kind, Name, Owner string
}

func (e *FormerError) Error() string {
	return fmt.Sprintf("%s %q of a former %s is being deleted", e.Kind, e.Name, e.Owner)
}

// deleter is what a typed client can do.
type deleter interface {
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// Contest decides about an object of a wanted name that owner does not control. What a former owner of the same kind and name has left is
// deleted, and the error is a *FormerError: try again. Any other is somebody else's, and the error is a *TakenError.
//
// Kubernetes' garbage collector does the same, but not always: when an owner is deleted and made anew while the collector cannot
// watch our API, it sees a change of the one object and never looks for what the other has left.
func Contest(ctx context.Context, c deleter, kind string, existing metav1.Object, owner metav1.OwnerReference) error {
	who := owner.Kind + " " + owner.Name
	if !isFormer(metav1.GetControllerOfNoCopy(existing), owner) {
		return &TakenError{Kind: kind, Name: existing.GetName(), Owner: who}
	}
	if existing.GetDeletionTimestamp() == nil {
		uid, background := existing.GetUID(), metav1.DeletePropagationBackground
		err := c.Delete(ctx, existing.GetName(), metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid}})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting %s %q of a former %s: %w", kind, existing.GetName(), who, err)
		}
	}
	return &FormerError{Kind: kind, Name: existing.GetName(), Owner: who}
}

// isFormer tells whether a reference is to another object than owner that had its kind and name, and so is gone.
func isFormer(ref *metav1.OwnerReference, owner metav1.OwnerReference) bool {
	return ref != nil && ref.UID != owner.UID && ref.Kind == owner.Kind && ref.Name == owner.Name &&
		schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).Group == schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).Group
}
