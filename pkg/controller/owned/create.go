// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// creator is what a typed client of T can do where there is no right to change what is there.
type creator[T Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	deleter
}

// Create makes the object when there is none of its name, and otherwise leaves it as it is. When an object of that
// name exists that owner does not control, the error is that of Contest.
func Create[T Object](ctx context.Context, c creator[T], desired T, owner Owner) (T, error) {
	var none T
	kind, err := setKind(desired)
	if err != nil {
		return none, err
	}
	existing, err := c.Get(ctx, desired.GetName(), metav1.GetOptions{})
	switch {
	case err == nil && !controls(owner.Controller, existing):
		return none, Contest(ctx, c, kind, existing, owner.Controller)
	case err == nil:
		return existing, nil
	case !apierrors.IsNotFound(err):
		return none, fmt.Errorf("looking for %s %q: %w", kind, desired.GetName(), err)
	}
	Adopt(desired, owner)
	made, err := c.Create(ctx, desired, metav1.CreateOptions{FieldManager: owner.FieldManager})
	if err != nil {
		return none, fmt.Errorf("making %s %q: %w", kind, desired.GetName(), err)
	}
	return made, nil
}
