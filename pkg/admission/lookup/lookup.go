// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package lookup reads what objects refer to, for admission plugins. Everything is read live, because a replay is often made
// in the same breath as the snapshot and the profile that it names, and once a request.
package lookup

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

var specPath = field.NewPath("spec")

// Reader reads objects of this server.
type Reader struct {
	Client versioned.Interface
}

// lookup reads an object by its name. When there is none, the error list says so.
func lookup[T any](ctx context.Context, get func(context.Context, string, metav1.GetOptions) (*T, error), namespace, name string, path *field.Path) (*T, field.ErrorList, error) {
	object, err := memo.Read(ctx, fmt.Sprintf("%T %s/%s", (*T)(nil), namespace, name), func() (*T, error) {
		return get(ctx, name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		return nil, field.ErrorList{field.NotFound(path, name)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading what %s names: %w", path, err)
	}
	return object, nil, nil
}

// Snapshot reads what spec.snapshotName names.
func (r Reader) Snapshot(ctx context.Context, namespace, name string) (*v1alpha1.TrafficSnapshot, field.ErrorList, error) {
	return lookup(ctx, r.Client.ReplayV1alpha1().TrafficSnapshots(namespace).Get, namespace, name, specPath.Child("snapshotName"))
}

// Environment reads a standing environment.
func (r Reader) Environment(ctx context.Context, namespace, name string, path *field.Path) (*v1alpha1.Environment, field.ErrorList, error) {
	return lookup(ctx, r.Client.ReplayV1alpha1().Environments(namespace).Get, namespace, name, path)
}

// IsName tells whether an object can have the name, so that it can be looked up. Plugins that change objects run before the
// validation that refuses other names.
func IsName(name string) bool {
	return name != "" && len(apivalidation.NameIsDNSSubdomain(name, false)) == 0
}

// Class reads a class. It accepts an empty name, which stands for none, and one that validation refuses.
func (r Reader) Class(ctx context.Context, name string, path *field.Path) (*v1alpha1.EnvironmentClass, field.ErrorList, error) {
	if !IsName(name) {
		return nil, nil, nil
	}
	return lookup(ctx, r.Client.ReplayV1alpha1().EnvironmentClasses().Get, "", name, path)
}

// Profile reads what spec.profileName names. It accepts an empty name, which stands for none.
func (r Reader) Profile(ctx context.Context, namespace, name string) (*v1alpha1.ReplayProfile, field.ErrorList, error) {
	if name == "" {
		return nil, nil, nil
	}
	return lookup(ctx, r.Client.ReplayV1alpha1().ReplayProfiles(namespace).Get, namespace, name, specPath.Child("profileName"))
}

// DefaultClass returns the class that is taken where none is named: the newest when several are marked, nil when none is. It lists what
// the server's watch cache holds, which is a moment behind: to be exact the cache would ask etcd how far it is, which it does every
// 100 ms, and so long would every creation take.
func (r Reader) DefaultClass(ctx context.Context) (*v1alpha1.EnvironmentClass, error) {
	return memo.Read(ctx, "default class", func() (*v1alpha1.EnvironmentClass, error) {
		return r.defaultClass(ctx, metav1.ListOptions{ResourceVersion: "0"})
	})
}

// ExactDefaultClass is DefaultClass as of now, for requests that are rare.
func (r Reader) ExactDefaultClass(ctx context.Context) (*v1alpha1.EnvironmentClass, error) {
	return r.defaultClass(ctx, metav1.ListOptions{})
}

func (r Reader) defaultClass(ctx context.Context, options metav1.ListOptions) (*v1alpha1.EnvironmentClass, error) {
	list, err := r.Client.ReplayV1alpha1().EnvironmentClasses().List(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("listing EnvironmentClasses: %w", err)
	}
	defaults := slices.DeleteFunc(list.Items, func(class v1alpha1.EnvironmentClass) bool { return !IsDefault(&class) })
	if len(defaults) == 0 {
		return nil, nil
	}
	newest := slices.MinFunc(defaults, func(a, b v1alpha1.EnvironmentClass) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &newest, nil
}

// IsDefault tells whether a class is marked as the default one.
func IsDefault(class metav1.Object) bool {
	return class.GetAnnotations()[v1alpha1.AnnotationDefaultClass] == "true"
}
