// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

// pollInterval is how often the cluster is asked while something is waited for.
const pollInterval = time.Second

// Delete deletes the objects, the last one first, and waits until each is gone before it goes on. An object, or a kind, that is not
// there is none to delete. report, if not nil, is told of each that was there. It ends with the first error, or with the context.
func (c *Client) Delete(ctx context.Context, objects []*unstructured.Unstructured, report func(*unstructured.Unstructured, Outcome)) error {
	for _, object := range slices.Backward(objects) {
		there, err := c.delete(ctx, object)
		if err != nil {
			return fmt.Errorf("%s: deleting it: %w", Name(object), err)
		}
		if there && report != nil {
			report(object, Deleted)
		}
	}
	return nil
}

func (c *Client) delete(ctx context.Context, object *unstructured.Unstructured) (there bool, err error) {
	resource, err := c.resource(object)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	live, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	policy, uid := metav1.DeletePropagationBackground, live.GetUID()
	err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, err
	}
	return true, awaitGone(ctx, resource, object.GetName(), uid)
}

// awaitGone waits until the object with this UID is no longer there.
func awaitGone(ctx context.Context, resource dynamic.ResourceInterface, name string, uid types.UID) error {
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		live, err := resource.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return err == nil && live.GetUID() != uid, err
	})
}
