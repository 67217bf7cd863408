// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

var key = types.NamespacedName{Namespace: "shop", Name: "front"}

// start runs a loop until the test ends, and checks that it does end.
func start(t *testing.T, l *Loop) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Run(ctx, 2)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func TestReconciledAgain(t *testing.T) {
	tests := map[string]func() (time.Duration, error){
		"after an error":     func() (time.Duration, error) { return 0, errors.New("not yet") },
		"when it asks to be": func() (time.Duration, error) { return time.Millisecond, nil },
	}
	for name, first := range tests {
		t.Run(name, func(t *testing.T) {
			calls := make(chan types.NamespacedName, 1)
			results := []func() (time.Duration, error){first, func() (time.Duration, error) { return 0, nil }}
			l := New(name, func(_ context.Context, key types.NamespacedName) (time.Duration, error) {
				next := results[0]
				results = results[1:]
				calls <- key
				return next()
			})
			l.Enqueue(key)
			start(t, l)
			for range 2 {
				if got := <-calls; got != key {
					t.Errorf("reconciled %v, want %v", got, key)
				}
			}
		})
	}
}

func TestHandlerEnqueuesEveryEvent(t *testing.T) {
	calls := make(chan types.NamespacedName)
	l := New("pods", func(_ context.Context, key types.NamespacedName) (time.Duration, error) {
		calls <- key
		return 0, nil
	})
	handler := Handler(l, func(pod *corev1.Pod) []types.NamespacedName {
		return []types.NamespacedName{{Namespace: pod.Namespace, Name: pod.Labels["app"]}}
	})
	start(t, l)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "front-1", Namespace: "shop", Labels: map[string]string{"app": "front"}}}
	for name, event := range map[string]func(){
		"add":     func() { handler.OnAdd(pod, false) },
		"update":  func() { handler.OnUpdate(pod, pod) },
		"delete":  func() { handler.OnDelete(pod) },
		"expired": func() { handler.OnDelete(cache.DeletedFinalStateUnknown{Obj: pod}) },
	} {
		event()
		if got := <-calls; got != key {
			t.Errorf("%s: reconciled %v, want %v", name, got, key)
		}
	}
	handler.OnAdd(&corev1.Node{}, false) // of another type: logged, and nothing else
	if n := l.queue.Len(); n != 0 {
		t.Errorf("%d keys are queued", n)
	}
}
