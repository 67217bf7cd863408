// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
)

// Watch prints each step of a replay until there is a verdict. It survives the loss of its connection: the informer goes on
// from where it was.
func Watch(ctx context.Context, client versioned.Interface, namespace, name string, out io.Writer) (Verdict, error) {
	// The informer ends before this returns, so that nothing is left behind in a program that watches many replays.
	watching, stop := context.WithCancel(ctx)
	factory := externalversions.NewSharedInformerFactoryWithOptions(client, 0,
		externalversions.WithNamespace(namespace),
		externalversions.WithTweakListOptions(func(options *metav1.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}))
	defer factory.Shutdown()
	defer stop()
	replays := make(chan *v1alpha1.TrafficReplay)
	send := func(replay *v1alpha1.TrafficReplay) {
		select {
		case replays <- replay:
		case <-watching.Done():
		}
	}
	informer := factory.Replay().V1alpha1().TrafficReplays().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { send(object.(*v1alpha1.TrafficReplay)) },
		UpdateFunc: func(_, object any) { send(object.(*v1alpha1.TrafficReplay)) },
		DeleteFunc: func(any) { send(nil) },
	}); err != nil {
		return CouldNotRun, fmt.Errorf("watching TrafficReplay %s: %w", name, err)
	}
	factory.StartWithContext(watching)
	return follow(ctx, name, replays, out)
}

func follow(ctx context.Context, name string, replays <-chan *v1alpha1.TrafficReplay, out io.Writer) (Verdict, error) {
	last := ""
	for {
		select {
		case <-ctx.Done():
			return CouldNotRun, fmt.Errorf("TrafficReplay %s has no verdict yet: %w", name, ctx.Err())
		case replay := <-replays:
			if replay == nil {
				return CouldNotRun, fmt.Errorf("TrafficReplay %s was deleted", name)
			}
			if line := describe(replay); line != last {
				fmt.Fprintln(out, line)
				last = line
			}
			if verdict, ended := verdictOf(replay); ended {
				return verdict, nil
			}
		}
	}
}
