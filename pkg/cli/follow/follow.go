// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package follow watches one object for as long as a command waits for it.
package follow

import (
	"context"
	"errors"
	"fmt"

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
	// Lost is told why the object cannot be watched at the moment. It is tried again.
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
	informer := cache.NewSharedIndexInformer(listWatch(client, o.Name), kind, 0, nil)
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		switch {
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsMethodNotSupported(err):
			finish(fmt.Errorf("watching %q: %w", o.Name, err))
		case !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) && ctx.Err() == nil:
			o.Lost(err)
		}
	})
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { o.tell(ctx, object, finish) },
		UpdateFunc: func(_, object any) { o.tell(ctx, object, finish) },
		DeleteFunc: func(any) { o.gone(ctx, finish) },
	})
	if err != nil {
		return err
	}
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(informer.GetStore().ListKeys()) == 0 {
			o.gone(ctx, finish)
		}
	}()
	informer.RunWithContext(ctx)
	if err := context.Cause(ctx); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

func listWatch[L runtime.Object](client Client[L], name string) *cache.ListWatch {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			opts.FieldSelector = selector
			return client.List(ctx, opts)
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			opts.FieldSelector = selector
			return client.Watch(ctx, opts)
		},
	}
}

func (o Options[T]) tell(ctx context.Context, object any, finish context.CancelCauseFunc) {
	current := object.(T)
	switch {
	case ctx.Err() != nil:
	case current.GetUID() != o.UID: // deleted, and made again by somebody
		o.gone(ctx, finish)
	default:
		if done, err := o.Seen(current); err != nil {
			finish(err)
		} else if done {
			finish(errDone)
		}
	}
}

func (o Options[T]) gone(ctx context.Context, finish context.CancelCauseFunc) {
	if ctx.Err() != nil {
		return
	}
	err := o.Gone()
	if err == nil {
		err = errDone
	}
	finish(err)
}
