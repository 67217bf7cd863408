// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// lookup reads an object by its name. When there is none, the error list says so.
func lookup[T any](ctx context.Context, get func(context.Context, string, metav1.GetOptions) (*T, error), name string, path *field.Path) (*T, field.ErrorList, error) {
	object, err := get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, field.ErrorList{field.NotFound(path, name)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading what %s names: %w", path, err)
	}
	return object, nil, nil
}

func (p *Plugin) snapshot(ctx context.Context, namespace, name string) (*v1alpha1.TrafficSnapshot, field.ErrorList, error) {
	return lookup(ctx, p.client.ReplayV1alpha1().TrafficSnapshots(namespace).Get, name, specPath.Child("snapshotName"))
}

func (p *Plugin) standing(ctx context.Context, namespace, name string, path *field.Path) (*v1alpha1.Environment, field.ErrorList, error) {
	return lookup(ctx, p.client.ReplayV1alpha1().Environments(namespace).Get, name, path)
}

func (p *Plugin) class(ctx context.Context, name string, path *field.Path) (*v1alpha1.EnvironmentClass, field.ErrorList, error) {
	return lookup(ctx, p.client.ReplayV1alpha1().EnvironmentClasses().Get, name, path)
}

// profile accepts an empty name.
func (p *Plugin) profile(ctx context.Context, namespace, name string) (field.ErrorList, error) {
	if name == "" {
		return nil, nil
	}
	_, errs, err := lookup(ctx, p.client.ReplayV1alpha1().ReplayProfiles(namespace).Get, name, specPath.Child("profileName"))
	return errs, err
}
