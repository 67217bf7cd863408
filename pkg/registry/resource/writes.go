// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"strconv"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// writes remembers how far the writes to a kind have come.
type writes struct {
	version atomic.Uint64
}

// watch learns of every write that the store does. A deleted object carries the version of its deletion.
func (w *writes) watch(store *genericregistry.Store) {
	store.AfterCreate = func(object runtime.Object, _ *metav1.CreateOptions) { w.note(object) }
	store.AfterUpdate = func(object runtime.Object, _ *metav1.UpdateOptions) { w.note(object) }
	store.AfterDelete = func(object runtime.Object, _ *metav1.DeleteOptions) { w.note(object) }
}

// note leaves aside what has no version, as the result of a dry run.
func (w *writes) note(object runtime.Object) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return
	}
	version, err := strconv.ParseUint(accessor.GetResourceVersion(), 10, 64)
	if err != nil {
		return
	}
	for {
		known := w.version.Load()
		if version <= known || w.version.CompareAndSwap(known, version) {
			return
		}
	}
}

func (w *writes) newest() string { return strconv.FormatUint(w.version.Load(), 10) }
