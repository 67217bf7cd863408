// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package lookup reads what objects refer to, for admission plugins, once a request. What the cache of the server does not have is read
// live, because a replay is often made in the same breath as the snapshot and the profile that it names.
package lookup

import (
	"cmp"
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

var specPath = field.NewPath("spec")

// Cache holds the objects of this server, all that was written through it and what other replicas had written a moment ago. What it returns is versioned and must not be changed.
type Cache interface {
	// Get returns an object by its resource; the namespace of a class is empty. Any error means that the cache does not have it.
	Get(ctx context.Context, resource, namespace, name string) (runtime.Object, error)
	// Classes returns all classes.
	Classes(ctx context.Context) ([]*v1alpha1.EnvironmentClass, error)
}

// Reader reads objects of this server.
type Reader struct {
	// Client reads live.
	Client versioned.Interface
	// Cache is asked before. Nil for none.
	Cache Cache
}

// Live is the reader without its cache.
func (r Reader) Live() Reader { return Reader{Client: r.Client} }

// kind is one kind of what this server stores.
type kind[T any] struct {
	resource string
	// client makes a client of a namespace, which is needed only when the cache does not do.
	client func(namespace string) client[T]
}

type client[T any] interface {
	Get(context.Context, string, metav1.GetOptions) (*T, error)
}

// lookup reads an object by its name. When there is none, the error list says so.
func lookup[T any](ctx context.Context, r Reader, k kind[T], namespace, name string, path *field.Path) (*T, field.ErrorList, error) {
	key := k.resource + "/" + namespace + "/" + name
	if r.Cache == nil {
		key = "live " + key // apart from what may come from the cache
	}
	object, err := memo.ReadCached(ctx, key,
		func() (*T, bool) { return cached[T](ctx, r.Cache, k.resource, namespace, name) },
		func() (*T, error) { return k.client(namespace).Get(ctx, name, metav1.GetOptions{}) })
	if apierrors.IsNotFound(err) {
		return nil, field.ErrorList{field.NotFound(path, name)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading what %s names: %w", path, err)
	}
	return object, nil, nil
}

func cached[T any](ctx context.Context, cache Cache, resource, namespace, name string) (*T, bool) {
	if cache == nil {
		return nil, false
	}
	object, err := cache.Get(ctx, resource, namespace, name)
	if err != nil {
		return nil, false
	}
	typed, ok := any(object).(*T)
	return typed, ok
}

// Snapshot reads what spec.snapshotName names.
func (r Reader) Snapshot(ctx context.Context, namespace, name string) (*v1alpha1.TrafficSnapshot, field.ErrorList, error) {
	snapshots := kind[v1alpha1.TrafficSnapshot]{"trafficsnapshots", func(namespace string) client[v1alpha1.TrafficSnapshot] {
		return r.Client.ReplayV1alpha1().TrafficSnapshots(namespace)
	}}
	return lookup(ctx, r, snapshots, namespace, name, specPath.Child("snapshotName"))
}

// Environment reads a standing environment.
func (r Reader) Environment(ctx context.Context, namespace, name string, path *field.Path) (*v1alpha1.Environment, field.ErrorList, error) {
	environments := kind[v1alpha1.Environment]{"environments", func(namespace string) client[v1alpha1.Environment] {
		return r.Client.ReplayV1alpha1().Environments(namespace)
	}}
	return lookup(ctx, r, environments, namespace, name, path)
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
	classes := kind[v1alpha1.EnvironmentClass]{"environmentclasses", func(string) client[v1alpha1.EnvironmentClass] {
		return r.Client.ReplayV1alpha1().EnvironmentClasses()
	}}
	return lookup(ctx, r, classes, "", name, path)
}

// Profile reads what spec.profileName names. It accepts an empty name, which stands for none.
func (r Reader) Profile(ctx context.Context, namespace, name string) (*v1alpha1.ReplayProfile, field.ErrorList, error) {
	if name == "" {
		return nil, nil, nil
	}
	profiles := kind[v1alpha1.ReplayProfile]{"replayprofiles", func(namespace string) client[v1alpha1.ReplayProfile] {
		return r.Client.ReplayV1alpha1().ReplayProfiles(namespace)
	}}
	return lookup(ctx, r, profiles, namespace, name, specPath.Child("profileName"))
}

// DefaultClass returns the class that is taken where none is named: the newest when several are marked, nil when none is. Live it lists
// what the server's watch cache holds, which with several replicas is a moment behind: to be exact the cache would ask etcd how far it is,
// which it does every 100 ms, and so long would every creation take.
func (r Reader) DefaultClass(ctx context.Context) (*v1alpha1.EnvironmentClass, error) {
	fromCache := func() (*v1alpha1.EnvironmentClass, bool) {
		if r.Cache == nil {
			return nil, false
		}
		classes, err := r.Cache.Classes(ctx)
		return newestDefault(classes), err == nil
	}
	return memo.ReadCached(ctx, "default class", fromCache, func() (*v1alpha1.EnvironmentClass, error) {
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
	classes := make([]*v1alpha1.EnvironmentClass, len(list.Items))
	for i := range list.Items {
		classes[i] = &list.Items[i]
	}
	return newestDefault(classes), nil
}

func newestDefault(classes []*v1alpha1.EnvironmentClass) (newest *v1alpha1.EnvironmentClass) {
	for _, class := range classes {
		if IsDefault(class) && (newest == nil || isNewer(class, newest)) {
			newest = class
		}
	}
	return newest
}

// isNewer decides by name between classes of the same second.
func isNewer(class, other *v1alpha1.EnvironmentClass) bool {
	return cmp.Or(other.CreationTimestamp.Compare(class.CreationTimestamp.Time), cmp.Compare(class.Name, other.Name)) < 0
}

// IsDefault tells whether a class is marked as the default one.
func IsDefault(class metav1.Object) bool {
	return class.GetAnnotations()[v1alpha1.AnnotationDefaultClass] == "true"
}
