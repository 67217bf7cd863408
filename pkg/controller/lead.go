// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/controller/loop"
)

const (
	servedInterval = time.Second
	leaveTimeout   = 20 * time.Second
)

// task is a loop and how many workers it has.
type task struct {
	loop    *loop.Loop
	workers int
}

// lead does the work of the one controller that holds the lease. The registration of the API and the forwarder come
// first and wait for nothing of our own group: without them it would never be served.
func lead(ctx context.Context, c *clients, o Options, state *health) {
	state.starting.Store(true)
	defer state.starting.Store(false)
	work, stop := context.WithCancel(ctx)
	defer stop()

	home := newHome(c, o)
	home.onTerminating(func() {
		klog.FromContext(ctx).Info("Our namespace is being deleted; leaving")
		stop()
	})
	var group sync.WaitGroup
	run := func(tasks []task) {
		for _, t := range tasks {
			group.Go(func() { t.loop.Run(work, t.workers) })
		}
	}
	if home.start(work) {
		run(home.tasks(c, o))
		if waitServed(work, c) {
			caches := newCaches(c)
			tasks := reconcilers(work, c, o, home, caches)
			if caches.start(work) {
				state.starting.Store(false)
				klog.FromContext(ctx).Info("Leading", "namespace", o.Namespace)
				run(tasks)
			}
		}
	}
	<-work.Done()
	group.Wait()
	leave(context.WithoutCancel(ctx), c, o.Namespace)
	<-ctx.Done() // nothing is left to do in a namespace that is going
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

// leave takes down what would hurt the cluster without us, if our namespace is on its way out: the registration, which would
// block the deletion of every namespace, and the recording proxies in workloads, which would have nobody to record to.
func leave(ctx context.Context, c *clients, namespace string) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if !isTerminating(ctx, c.kube, namespace) {
		return
	}
	logger := klog.FromContext(ctx)
	if err := apiregistration.Remove(ctx, c.aggregator.ApiregistrationV1().APIServices()); err != nil {
		logger.Error(err, "The registration of our API was not taken down; delete it by hand", "apiService", apiregistration.Name)
	}
	if err := capture.RemoveAll(ctx, c.kube); err != nil {
		logger.Error(err, "Some workloads keep their recording proxy; remove it from their templates by hand")
	}
}

func isTerminating(ctx context.Context, kube kubernetes.Interface, name string) bool {
	namespace, err := kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	return namespace.DeletionTimestamp != nil
}
