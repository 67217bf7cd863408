// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// places are the namespaces to work in: each named one, or all as one.
func (o *Options) places() []string {
	if len(o.WatchNamespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return o.WatchNamespaces
}

// everywhere starts caches for each place and returns them with the tasks on them; false when ctx is done first. A place has watches of
// its own, since the right to watch one namespace is no right to watch another.
func everywhere(ctx context.Context, c *clients, o Options, home *home) (places []*caches, tasks []task, started bool) {
	for _, namespace := range o.places() {
		caches := newCaches(c, namespace)
		tasks = append(tasks, reconcilers(ctx, c, o, home, caches)...)
		if !caches.start(ctx) {
			return nil, nil, false
		}
		places = append(places, caches)
	}
	return places, tasks, true
}
