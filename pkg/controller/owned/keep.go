// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// applier is what a typed client of T with the apply configuration A can do.
type applier[T, A any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Apply(ctx context.Context, config *A, opts metav1.ApplyOptions) (T, error)
}

// Keep has the object of a name as wanted, whosever it is. It is for what is applied again and again: an object in which what is the field manager's, as
// extract finds it, is as wanted is left as it is.
func Keep[T, A any](ctx context.Context, c applier[T, A], extract Extract[T, A], kind, name, fieldManager string, wanted *A) error {
	held, err := c.Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("looking for %s %q: %w", kind, name, err)
	}
	if err == nil && unchanged(held, extract, fieldManager, wanted) {
		return nil
	}
	_, err = write(ctx, c, kind, name, fieldManager, wanted)
	return err
}

func write[T, A any](ctx context.Context, c applier[T, A], kind, name, fieldManager string, wanted *A) (T, error) {
	applied, err := c.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return applied, fmt.Errorf("applying %s %q: %w", kind, name, err)
	}
	return applied, nil
}

// remover is what a typed client of T can do.
type remover[T any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	deleter
}

// Remove deletes the object of a name if there is one. The cluster need not know the kind.
func Remove[T any](ctx context.Context, c remover[T], kind, name string) error {
	_, err := c.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		err = c.Delete(ctx, name, metav1.DeleteOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s %q: %w", kind, name, err)
	}
	return nil
}
