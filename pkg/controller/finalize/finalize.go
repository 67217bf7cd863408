// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package finalize deletes what the forwarder keeps for an object that is being deleted.
package finalize

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// patience is how long an object waits for a forwarder that does not answer. After that the object goes, so that no
	// namespace hangs on a forwarder that is gone for good.
	patience    = 5 * time.Minute
	callTimeout = 10 * time.Second
)

// Has tells whether the object carries the finalizer.
func Has(object metav1.Object, finalizer string) bool {
	return slices.Contains(object.GetFinalizers(), finalizer)
}

// Without returns the finalizers of the object but this one.
func Without(object metav1.Object, finalizer string) []string {
	return slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(f string) bool { return f == finalizer })
}

// Remote calls remove. Done tells that the finalizer may go: remove succeeded, there was nothing to remove,
// or the forwarder has not answered for five minutes. In this last case err says what is left behind.
func Remote(ctx context.Context, deleted *metav1.Time, now time.Time, remove func(context.Context) error) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = remove(ctx)
	switch {
	case err == nil, status.Code(err) == codes.NotFound:
		return true, nil
	case now.Sub(deleted.Time) > patience:
		return true, fmt.Errorf("gave up after %s: %w", patience, err)
	default:
		return false, err
	}
}
