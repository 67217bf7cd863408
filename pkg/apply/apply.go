// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"
)

// Outcome is what became of an object.
type Outcome string

const (
	Created    Outcome = "created"
	Configured Outcome = "configured"
	Unchanged  Outcome = "unchanged"
)

// clientSide are the managers under which kubectl apply, without --server-side, owns fields.
var clientSide = sets.New("kubectl-client-side-apply")

// Apply applies the objects in their order and takes over fields that others own. report, if not nil, is told of each. It ends with
// the first error, which names the object.
func (c *Client) Apply(ctx context.Context, objects []*unstructured.Unstructured, report func(*unstructured.Unstructured, Outcome)) error {
	for _, object := range objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		outcome, err := c.apply(ctx, object)
		if err != nil {
			return err
		}
		if report != nil {
			report(object, outcome)
		}
	}
	return nil
}

func (c *Client) apply(ctx context.Context, object *unstructured.Unstructured) (Outcome, error) {
	resource, err := c.resource(object)
	if err != nil {
		return "", err
	}
	live, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return "", fmt.Errorf("%s: reading it: %w", Name(object), err)
	}
	if live != nil {
		if live.GetDeletionTimestamp() != nil {
			return "", fmt.Errorf("%s: it is being deleted: try again when it is gone", Name(object))
		}
		if live, err = takeOver(ctx, resource, live); err != nil {
			return "", err
		}
	}
	applied, err := resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: applying it: %w", Name(object), err)
	case live == nil:
		return Created, nil
	case live.GetResourceVersion() == applied.GetResourceVersion():
		return Unchanged, nil
	default:
		return Configured, nil
	}
}

// takeOver makes the fields of an object that kubectl apply made ours. Without that, what a newer version no longer has would stay.
func takeOver(ctx context.Context, resource dynamic.ResourceInterface, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, clientSide, FieldManager)
		if err != nil || len(patch) == 0 {
			return err
		}
		patched, err := resource.Patch(ctx, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
		if err == nil {
			live = patched
			return nil
		}
		if apierrors.IsConflict(err) {
			if fresh, getErr := resource.Get(ctx, live.GetName(), metav1.GetOptions{}); getErr == nil {
				live = fresh
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: taking over the fields of kubectl apply: %w", Name(live), err)
	}
	return live, nil
}
