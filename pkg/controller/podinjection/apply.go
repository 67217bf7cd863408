// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/controller/owned"
)

// applier is what a typed client of T with the apply configuration A can do.
type applier[T, A any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Apply(ctx context.Context, config *A, opts metav1.ApplyOptions) (T, error)
}

// apply makes the object of a name as wanted, unless what extract finds to be ours in it is that already: kube-apiserver compiles a policy anew each
// time that it is applied.
func apply[T, A any](ctx context.Context, c applier[T, A], extract owned.Extract[T, A], name string, wanted *A) error {
	held, err := c.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("looking for %q: %w", name, err)
	default:
		if same, err := owned.Unchanged(held, extract, fieldManager, wanted); same || err != nil {
			return err
		}
	}
	if _, err := c.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
		return fmt.Errorf("applying %q: %w", name, err)
	}
	return nil
}

// deleter is what a typed client of T can do.
type deleter[T any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// remove deletes the object of a name if there is one. The cluster need not know the kind.
func remove[T any](ctx context.Context, c deleter[T], kind, name string) error {
	_, err := c.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		err = c.Delete(ctx, name, metav1.DeleteOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s %q: %w", kind, name, err)
	}
	return nil
}
