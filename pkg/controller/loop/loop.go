// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package loop runs reconcilers: a rate-limited queue of object names and workers that take from it.
package loop

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Backoff of a key whose reconciliation failed.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Reconcile brings the world closer to what the object of that name asks for. It is called again after a positive
// duration, and with a growing delay after an error. For one key it never runs twice at once.
type Reconcile func(ctx context.Context, key types.NamespacedName) (again time.Duration, err error)

// Loop feeds names to a reconciler.
type Loop struct {
	name      string
	reconcile Reconcile
	queue     workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// New returns a loop that takes names before it runs.
func New(name string, reconcile Reconcile) *Loop {
	return &Loop{
		name:      name,
		reconcile: reconcile,
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, lastRetry),
			workqueue.TypedRateLimitingQueueConfig[types.NamespacedName]{Name: name}),
	}
}

// Enqueue asks for a reconciliation of key.
func (l *Loop) Enqueue(key types.NamespacedName) {
	l.queue.Add(key)
}

// EnqueueAfter asks for a reconciliation of key in a while. All that are asked for until then are one.
func (l *Loop) EnqueueAfter(key types.NamespacedName, pause time.Duration) {
	l.queue.AddAfter(key, pause)
}

// Handler enqueues, for every event of an informer of T, the names that keys returns.
func Handler[T any](l *Loop, keys func(T) []types.NamespacedName) cache.ResourceEventHandler {
	enqueue := func(obj any) {
		if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = gone.Obj
		}
		object, ok := obj.(T)
		if !ok {
			klog.Background().Error(nil, "Unexpected object in informer", "loop", l.name, "object", obj)
			return
		}
		for _, key := range keys(object) {
			l.Enqueue(key)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, obj any) { enqueue(obj) },
		DeleteFunc: enqueue,
	}
}

// Run works until ctx is done and every worker has finished what it was at.
func (l *Loop) Run(ctx context.Context, workers int) {
	stop := context.AfterFunc(ctx, l.queue.ShutDown)
	defer stop()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	group.Wait()
}

func (l *Loop) next(ctx context.Context) bool {
	key, shutdown := l.queue.Get()
	if shutdown {
		return false
	}
	defer l.queue.Done(key)
	logger := klog.FromContext(ctx).WithValues("loop", l.name, "object", klog.KRef(key.Namespace, key.Name))
	began := time.Now()
	again, err := l.reconcile(klog.NewContext(ctx, logger), key)
	observe(l.name, began, err)
	if err != nil {
		if ctx.Err() == nil {
			logger.Error(err, "Reconciliation failed; will be tried again", "failures", l.queue.NumRequeues(key)+1)
		}
		l.queue.AddRateLimited(key)
		return true
	}
	l.queue.Forget(key)
	if again > 0 {
		l.queue.AddAfter(key, again)
	}
	return true
}
