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
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// wave is how many informers fill their caches at once.
const wave = 4

// runInformers watches all replays with as many informers as it is told, each on a connection of its own. It prints a line when all
// have synced, and then one for each change that all have heard of. They get whole objects, as generated informers do, but read and
// keep only names and versions: what the clients themselves need is not the matter, and would be ten million objects.
func runInformers(ctx context.Context, kubeconfig, number string) error {
	count, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("number of informers: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	codecs := namesOnly()
	heard := newTally(count)
	var running sync.WaitGroup
	defer running.Wait()
	for begun := 0; begun < count; {
		var synced []cache.InformerSynced
		for range min(wave, count-begun) {
			informer, err := newInformer(config, codecs, heard)
			if err != nil {
				return err
			}
			running.Go(func() { informer.RunWithContext(ctx) })
			synced = append(synced, informer.HasSynced)
			begun++
		}
		if !cache.WaitForCacheSync(ctx.Done(), synced...) {
			return errors.New("the informers did not sync")
		}
	}
	fmt.Println("synced")
	return nil // when they have ended
}

// namesOnly decodes replays into their metadata.
func namesOnly() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	version := ours.groupVersion()
	scheme.AddKnownTypeWithName(version.WithKind("TrafficReplay"), &metav1.PartialObjectMetadata{})
	scheme.AddKnownTypeWithName(version.WithKind("TrafficReplayList"), &metav1.PartialObjectMetadataList{})
	metav1.AddToGroupVersion(scheme, version)
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	return serializer.NewCodecFactory(scheme)
}

func newInformer(config *rest.Config, codecs serializer.CodecFactory, heard *tally) (cache.SharedIndexInformer, error) {
	config = controlplane.OwnConnection(config)
	version := ours.groupVersion()
	config.APIPath, config.GroupVersion, config.NegotiatedSerializer = "/apis", &version, codecs.WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	replays := cache.NewListWatchFromClient(client, "trafficreplays", namespace, fields.Everything())
	informer := cache.NewSharedIndexInformer(replays, &metav1.PartialObjectMetadata{}, 0, cache.Indexers{})
	if err := informer.SetTransform(nameOnly); err != nil {
		return nil, err
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, object any) {
		heard.add(object.(*metav1.PartialObjectMetadata).ResourceVersion)
	}})
	return informer, err
}

func nameOnly(object any) (any, error) {
	replay, ok := object.(*metav1.PartialObjectMetadata)
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
