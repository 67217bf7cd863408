// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"sync/atomic"
	"testing"

	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
)

// Watcher is an informer of a stream.
type Watcher struct {
	informer cache.SharedIndexInformer
	added    atomic.Int64
}

// Watch returns an informer that has listed, and works until the test ends.
func (s *Stream) Watch(t testing.TB, client versioned.Interface) *Watcher {
	t.Helper()
	factory := externalversions.NewSharedInformerFactoryWithOptions(client, 0, externalversions.WithNamespace(s.Namespace))
	w := &Watcher{informer: factory.Replay().V1alpha1().ReplayProfiles().Informer()}
	if _, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { w.added.Add(1) }}); err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return w
}

// Complete tells whether each object of the stream was announced, once, and is known in its last state.
func (w *Watcher) Complete(s *Stream) bool {
	names := s.Names()
	for name := range names {
		object, found, _ := w.informer.GetStore().GetByKey(s.Namespace + "/" + name)
		if !found || object.(*v1alpha1.ReplayProfile).Labels[label] != changed {
			return false
		}
	}
	return w.added.Load() == int64(len(names))
}
