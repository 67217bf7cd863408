// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/loop"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	servedInterval = time.Second
	// lookInterval is how often the caches of what is installed are looked at; it costs no request.
	lookInterval = 200 * time.Millisecond
	// undoInterval is how often that is tried again.
	undoInterval = 5 * time.Second
)

// task is a loop and how many workers it has.
type task struct {
	loop    *loop.Loop
	workers int
}

// run runs tasks in the group until ctx is done.
func run(ctx context.Context, group *sync.WaitGroup, tasks []task) {
	for _, t := range tasks {
		group.Go(func() { t.loop.Run(ctx, t.workers) })
	}
}

// lead does the work of the one controller that holds the lease. The registration of the API and the forwarder come
// first and wait for nothing of our own group: without them it would never be served. When the installation is being deleted it
// clears up; the error says that it did and is still running, for which there is no use.
func lead(ctx context.Context, c *clients, o Options, state *health) error {
	state.starting.Store(true)
	defer state.starting.Store(false)
	staying, stop := context.WithCancel(ctx)
	defer stop()

	home := newHome(c, o)
	home.onTerminating(stop)
	removal := &removal{clients: c, options: o}
	var group sync.WaitGroup
	if home.start(staying) {
		removal.deployed = home.has(wiring.ControllerDeployment)
		run(staying, &group, home.tasks(c, o))
		for staying.Err() == nil {
			if home.has(wiring.ServerDeployment) {
				work(staying, c, o, home, state)
			} else {
				undoUntilServed(staying, removal, home)
			}
		}
	}
	group.Wait()
	return removal.clearUp(ctx)
}

// work reconciles our own group for as long as the API server is installed.
func work(ctx context.Context, c *clients, o Options, home *home, state *health) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		defer stop()
		awaitAbsence(ctx, home)
	})
	if !waitServed(ctx, c) {
		return
	}
	places, tasks, ok := everywhere(ctx, c, o, home)
	if !ok {
		return
	}
	state.census.places.Store(&places)
	defer state.census.places.Store(nil)
	state.starting.Store(false)
	defer state.starting.Store(true)
	klog.FromContext(ctx).Info("Leading", "namespace", o.Namespace)
	run(ctx, &group, tasks)
	<-ctx.Done()
}

// awaitAbsence returns when the API server's Deployment has been gone for a while, or ctx is done.
func awaitAbsence(ctx context.Context, home *home) {
	seen := time.Now()
	_ = wait.PollUntilContextCancel(ctx, lookInterval, true, func(context.Context) (bool, error) {
		if home.has(wiring.ServerDeployment) {
			seen = time.Now()
		}
		return time.Since(seen) > wiring.DeploymentAbsence, nil
	})
}

// undoUntilServed undoes what we did in the cluster for the objects of an API that is gone, once, and returns when the API server's
// Deployment is there again, or ctx is done. The registration is taken down by its own loop.
func undoUntilServed(ctx context.Context, removal *removal, home *home) {
	begin := time.Now()
	undone, last := false, time.Time{}
	_ = wait.PollUntilContextCancel(ctx, lookInterval, true, func(ctx context.Context) (bool, error) {
		if home.has(wiring.ServerDeployment) {
			return true, nil
		}
		if undone || time.Since(begin) < wiring.DeploymentAbsence || time.Since(last) < undoInterval {
			return false, nil
		}
		last = time.Now()
		klog.FromContext(ctx).Info("The API server is not installed any more; undoing what was done for its objects")
		err := removal.installation().Undo(ctx)
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Undoing failed; will be tried again")
		}
		undone = err == nil
		return false, nil
	})
}

// waitServed returns true once our group answers through the aggregator, false when ctx is done first.
func waitServed(ctx context.Context, c *clients) bool {
	err := wait.PollUntilContextCancel(ctx, servedInterval, true, func(context.Context) (bool, error) {
		_, err := c.replay.Discovery().ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Our group is not served yet", "reason", err.Error())
		}
		return err == nil, nil
	})
	return err == nil
}
