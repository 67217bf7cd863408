// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
	"github.com/restage-dev/restage/test/bench/controlplane"
)

// runInformers watches all replays with as many generated informers as it is told, each on a connection of its own. It prints a line
// when all have synced, and then one for each change that all have heard of. They keep names only: their own memory is not the matter.
func runInformers(ctx context.Context, kubeconfig, number string) error {
	count, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("number of informers: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	heard := newTally(count)
	var synced []cache.InformerSynced
	for range count {
		client, err := versioned.NewForConfig(controlplane.OwnConnection(config))
		if err != nil {
			return err
		}
		factory := externalversions.NewSharedInformerFactoryWithOptions(client, 0,
			externalversions.WithNamespace(namespace), externalversions.WithTransform(nameOnly))
		informer := factory.Replay().V1alpha1().TrafficReplays().Informer()
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, object any) {
			heard.add(object.(*metav1.PartialObjectMetadata).ResourceVersion)
		}}); err != nil {
			return err
		}
		factory.StartWithContext(ctx)
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return errors.New("the informers did not sync")
	}
	fmt.Println("synced")
	<-ctx.Done()
	return nil
}

func nameOnly(object any) (any, error) {
	replay, ok := object.(*v1alpha1.TrafficReplay)
	if !ok {
		return object, nil
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: replay.Namespace, Name: replay.Name, ResourceVersion: replay.ResourceVersion,
	}}, nil
}

// tally counts who has heard of which version.
type tally struct {
	all   int
	mu    sync.Mutex
	heard map[string]int
}

func newTally(all int) *tally {
	return &tally{all: all, heard: map[string]int{}}
}

func (t *tally) add(version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.heard[version]++; t.heard[version] == t.all {
		delete(t.heard, version)
		fmt.Println(version)
	}
}
