// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package faketracker holds the objects of the generated fake clients. The tracker of client-go guesses the plural of a kind from
// its spelling, and of TrafficReplay makes trafficreplaies: such an object could be neither handed to a fake client at its start nor
// applied to it. Here every resource has the name that the API gives it.
package faketracker

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// New returns a tracker that takes objects as they come.
func New(scheme testing.ObjectScheme, decoder runtime.Decoder) testing.ObjectTracker {
	return wrap(testing.NewObjectTracker(scheme, decoder))
}

// NewFieldManaged returns a tracker that knows who owns which field, and so applies as a server does.
func NewFieldManaged(scheme *runtime.Scheme, decoder runtime.Decoder, converter managedfields.TypeConverter) testing.ObjectTracker {
	return wrap(testing.NewFieldManagedObjectTracker(scheme, decoder, converter))
}

// tracker calls a resource by its guessed name wherever the wrapped one has to find it.
type tracker struct {
	testing.ObjectTracker
	name, guess schema.GroupResource
}

func wrap(wrapped testing.ObjectTracker) testing.ObjectTracker {
	guess, _ := meta.UnsafeGuessKindToResource(v1alpha1.SchemeGroupVersion.WithKind("TrafficReplay"))
	return &tracker{ObjectTracker: wrapped, name: v1alpha1.Resource("trafficreplays"), guess: guess.GroupResource()}
}

func (t *tracker) guessed(gvr schema.GroupVersionResource) schema.GroupVersionResource {
	if gvr.GroupResource() == t.name {
		return t.guess.WithVersion(gvr.Version)
	}
	return gvr
}

// named puts the right name into an error.
func (t *tracker) named(err error) error {
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Details == nil || status.ErrStatus.Details.Kind != t.guess.Resource {
		return err
	}
	named := status.ErrStatus.DeepCopy()
	named.Details.Kind = t.name.Resource
	named.Message = strings.ReplaceAll(named.Message, t.guess.String(), t.name.String())
	return &apierrors.StatusError{ErrStatus: *named}
}

func (t *tracker) Get(gvr schema.GroupVersionResource, ns, name string, opts ...metav1.GetOptions) (runtime.Object, error) {
	object, err := t.ObjectTracker.Get(t.guessed(gvr), ns, name, opts...)
	return object, t.named(err)
}

func (t *tracker) Create(gvr schema.GroupVersionResource, object runtime.Object, ns string, opts ...metav1.CreateOptions) error {
	return t.named(t.ObjectTracker.Create(t.guessed(gvr), object, ns, opts...))
}

func (t *tracker) Update(gvr schema.GroupVersionResource, object runtime.Object, ns string, opts ...metav1.UpdateOptions) error {
	return t.named(t.ObjectTracker.Update(t.guessed(gvr), object, ns, opts...))
}

func (t *tracker) Patch(gvr schema.GroupVersionResource, object runtime.Object, ns string, opts ...metav1.PatchOptions) error {
	return t.named(t.ObjectTracker.Patch(t.guessed(gvr), object, ns, opts...))
}

func (t *tracker) Apply(gvr schema.GroupVersionResource, config runtime.Object, ns string, opts ...metav1.PatchOptions) error {
	return t.named(t.ObjectTracker.Apply(t.guessed(gvr), config, ns, opts...))
}

func (t *tracker) List(gvr schema.GroupVersionResource, gvk schema.GroupVersionKind, ns string, opts ...metav1.ListOptions) (runtime.Object, error) {
	list, err := t.ObjectTracker.List(t.guessed(gvr), gvk, ns, opts...)
	return list, t.named(err)
}

func (t *tracker) Delete(gvr schema.GroupVersionResource, ns, name string, opts ...metav1.DeleteOptions) error {
	return t.named(t.ObjectTracker.Delete(t.guessed(gvr), ns, name, opts...))
}

func (t *tracker) Watch(gvr schema.GroupVersionResource, ns string, opts ...metav1.ListOptions) (watch.Interface, error) {
	w, err := t.ObjectTracker.Watch(t.guessed(gvr), ns, opts...)
	return w, t.named(err)
}
