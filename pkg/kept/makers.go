// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package kept

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// Makers finds the workloads that go on making pods with the proxy, in a namespace or in all when it is empty: from their templates, or from former ones
// that their owners hold on to, as those of a Deployment that is paused. One that is replacing its pods is not among them, nor is what Restage makes.
func Makers(ctx context.Context, c workload.Client, namespace string) ([]*workload.Workload, error) {
	all, err := list(ctx, c, namespace)
	if err != nil {
		return nil, err
	}
	known := map[types.UID]*workload.Workload{}
	for _, w := range all {
		known[w.GetUID()] = w
	}
	var makers []*workload.Workload
	for _, w := range all {
		maker, err := makerBy(ctx, c, w, known)
		if err != nil {
			return nil, err
		}
		if maker != nil && maker.GetLabels()[v1alpha1.LabelPartOf] != v1alpha1.PartOf && !slices.Contains(makers, maker) {
			makers = append(makers, maker)
		}
	}
	return makers, nil
}

// list reads all that may have the proxy in a template.
func list(ctx context.Context, c workload.Client, namespace string) (all []*workload.Workload, err error) {
	resources, err := c.Recordable(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for what makes pods with the recording proxy: %w", err)
	}
	for _, resource := range append(resources, batchv1.SchemeGroupVersion.WithResource("jobs")) {
		workloads, err := c.List(ctx, namespace, resource)
		if err != nil && !apierrors.IsNotFound(err) { // a kind that the cluster no longer has
			return nil, fmt.Errorf("looking for %s that make pods with the recording proxy: %w", resource.Resource, err)
		}
		all = append(all, workloads...)
	}
	return all, nil
}

// makerBy returns the workload that goes on making pods with the proxy by what one has in it, nil when none does.
func makerBy(ctx context.Context, c workload.Client, w *workload.Workload, known map[types.UID]*workload.Workload) (*workload.Workload, error) {
	if !injection.HasProxy(w.Template.Spec) {
		return holder(ctx, c, w)
	}
	switch o := w.Object.(type) {
	case *appsv1.ReplicaSet:
		if by := w.Controlled(); by != nil {
			return revisionOf(o, known[by.UID]), nil
		}
	case *batchv1.Job:
		// One that runs ends by itself.
		if by := w.Controlled(); isOver(o) || by != nil && !ptr.Deref(o.Spec.Suspend, false) {
			return nil, nil
		}
	}
	return w, nil
}

// revisionOf returns what has made a ReplicaSet of a template, when it holds on to that. Others than Deployments may wait between any two pods that they
// replace, as an Argo Rollout does until it is promoted.
func revisionOf(set *appsv1.ReplicaSet, by *workload.Workload) *workload.Workload {
	if by == nil {
		return nil // it is gone, and what it has made goes
	}
	makes := ptr.Deref(set.Spec.Replicas, 1) > 0
	if deployment, ok := by.Object.(*appsv1.Deployment); ok {
		idle := ptr.Deref(deployment.Spec.Replicas, 1) == 0 // it takes up a former one again
		makes = deployment.Spec.Paused && (makes || idle)
	}
	if !makes {
		return nil
	}
	return by
}

// holder returns a StatefulSet that makes some of its pods from a former template, which only they show.
func holder(ctx context.Context, c workload.Client, w *workload.Workload) (*workload.Workload, error) {
	set, ok := w.Object.(*appsv1.StatefulSet)
	if !ok || !w.Holds() {
		return nil, nil
	}
	pods, err := w.Pods(ctx, c.Kube, 0)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(pods, func(pod corev1.Pod) bool {
		return metav1.IsControlledBy(&pod, set) && w.HoldsPod(&pod) && injection.HasProxy(pod.Spec)
	}) {
		return w, nil
	}
	return nil, nil
}

// isOver tells whether a Job makes no more pods.
func isOver(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}
