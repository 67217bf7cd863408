// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package follow watches one object for as long as a command waits for it.
package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Client of the objects of one kind in a namespace; the generated clients are such.
type Client[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// Object is one that is followed.
type Object interface {
	runtime.Object
	metav1.Object
}

// Options of Until.
type Options[T Object] struct {
	// Name and UID of the object.
	Name string
	UID  types.UID
	// Seen is told each state of the object until it returns true or an error.
	Seen func(object T) (done bool, err error)
	// Gone is told that the object was deleted; what it returns is returned.
	Gone func() error
	// Lost is told why the object cannot be watched at the moment. It is tried again. One of these functions is called at a time.
	Lost func(err error)
}

// errDone ends a watch that has seen what it waited for.
var errDone = errors.New("done")

// Until watches an object until Seen says that it is done. A watch that breaks, a server that restarts and changes that were
// missed do not matter; what cannot get better by waiting, such as a missing right, is an error. T and L are
// the types of the object and of its list.
func Until[T Object, L runtime.Object](ctx context.Context, client Client[L], o Options[T]) error {
	ctx, finish := context.WithCancelCause(ctx)
	defer finish(nil)
	// What the informer has to say is said by Lost.
	ctx = klog.NewContext(ctx, klog.LoggerWithName(klog.Background(), "follow").V(4))
	var kind T
	w := &watcher[T]{Options: o, ctx: ctx, finish: finish}
	informer := cache.NewSharedIndexInformer(listWatch(client, o.Name, w.failed), kind, 0, nil)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.tell(object) },
		UpdateFunc: func(_, object any) { w.tell(object) },
		DeleteFunc: func(any) { w.gone() },
	})
	if err != nil {
		return err
	}
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(informer.GetStore().ListKeys()) == 0 {
			w.gone()
		}
	}()
	informer.RunWithContext(ctx)
	if err := context.Cause(ctx); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

// listWatch lists and watches one object, and tells of what fails.
func listWatch[L runtime.Object](client Client[L], name string, failed func(error)) *cache.ListWatch {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			opts.FieldSelector = selector
			list, err := client.List(ctx, opts)
			failed(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			opts.FieldSelector = selector
			changes, err := client.Watch(ctx, opts)
			failed(err)
			return changes, err
		},
	}
}

// watcher hands on what the informer's goroutines see, one thing after another.
type watcher[T Object] struct {
	Options[T]
	ctx    context.Context
	finish context.CancelCauseFunc
	mu     sync.Mutex
}

// failed ends the watch when waiting does not help.
func (w *watcher[T]) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil || w.ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsMethodNotSupported(err):
		w.finish(fmt.Errorf("watching %q: %w", w.Name, err))
	default:
		w.Lost(err)
	}
}

func (w *watcher[T]) tell(object any) {
	current := object.(T)
	if current.GetUID() != w.UID { // deleted, and made again by somebody
		w.gone()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return
	}
	if done, err := w.Seen(current); err != nil {
		w.finish(err)
	} else if done {
		w.finish(errDone)
	}
}

func (w *watcher[T]) gone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return
	}
	err := w.Gone()
	if err == nil {
		err = errDone
	}
	w.finish(err)
}
