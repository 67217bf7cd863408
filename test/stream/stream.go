// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package stream writes objects all the time, and watches them, to find out what is lost while servers come and go.
package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

const (
	label   = "stream"
	changed = "changed"
	pace    = 10 * time.Millisecond
)

// Stream is what writers have made. They write as client-go does, which tries again by itself what a server that ends turns
// away; any other failure is an error of the test.
type Stream struct {
	Namespace string

	writes atomic.Int64
	mu     sync.Mutex
	names  sets.Set[string]
}

// Write makes objects and changes each once, until the context ends. What was begun is ended.
func (s *Stream) Write(ctx context.Context, t testing.TB, client versioned.Interface, writer int) {
	profiles := client.ReplayV1alpha1().ReplayProfiles(s.Namespace)
	for n := 0; ctx.Err() == nil; n++ {
		object := &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("stream-%d-%05d", writer, n)}}
		created, err := profiles.Create(t.Context(), object, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("creating %s: %v", object.Name, err)
			return
		}
		s.add(created.Name)
		created.Labels = map[string]string{label: changed}
		if _, err := profiles.Update(t.Context(), created, metav1.UpdateOptions{}); err != nil {
			t.Errorf("updating %s: %v", object.Name, err)
			return
		}
		s.writes.Add(2)
		select {
		case <-ctx.Done():
		case <-time.After(pace):
		}
	}
}

// Writes is how many writes have succeeded.
func (s *Stream) Writes() int64 { return s.writes.Load() }

// Names are those of all objects.
func (s *Stream) Names() sets.Set[string] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names.Clone()
}

func (s *Stream) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = sets.New[string]()
	}
	s.names.Insert(name)
}
