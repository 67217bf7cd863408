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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// Makers finds the workloads that go on making pods with the proxy, in a namespace or in all when it is empty: from their templates, or from former ones
// that their owners hold on to, as those of a Deployment that is paused. One that is replacing its pods is not among them, nor is what Restage makes, nor a Job that
// runs, which ends.
func Makers(ctx context.Context, c workload.Client, namespace string) ([]*workload.Workload, error) {
	s := &search{reader: reader{c, map[types.UID]maker{}}, paused: map[types.UID]*workload.Workload{}}
	resources, err := c.Recordable(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for what makes pods with the recording proxy: %w", err)
	}
	apps, batch := c.Kube.AppsV1(), c.Kube.BatchV1()
	for _, resource := range resources {
		if resource == appsv1.SchemeGroupVersion.WithResource("replicasets") {
			continue
		}
		if err := s.workloads(ctx, namespace, resource); err != nil {
			return nil, err
		}
	}
	// There are many of these, and those of Deployments are told by what was found of them.
	err = each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return apps.ReplicaSets(namespace).List(ctx, o)
	}, s.replicaSet)
	if err != nil {
		return nil, fmt.Errorf("looking for ReplicaSets that make pods with the recording proxy: %w", err)
	}
	err = each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return batch.Jobs(namespace).List(ctx, o)
	}, s.job)
	if err != nil {
		return nil, fmt.Errorf("looking for Jobs that make pods with the recording proxy: %w", err)
	}
	return s.all, nil
}

// search gathers workloads. Paused are the Deployments that are.
type search struct {
	reader
	paused map[types.UID]*workload.Workload
	all    []*workload.Workload
}

func (s *search) add(w *workload.Workload) {
	ours := w.GetLabels()[v1alpha1.LabelPartOf] == v1alpha1.PartOf // copies, which go with their environments
	known := func(other *workload.Workload) bool { return other.GetUID() == w.GetUID() }
	if !ours && !slices.ContainsFunc(s.all, known) {
		s.all = append(s.all, w)
	}
}

// workloads looks at those of a resource that make pods, or ReplicaSets, themselves.
func (s *search) workloads(ctx context.Context, namespace string, resource schema.GroupVersionResource) error {
	workloads, err := s.List(ctx, namespace, resource)
	if err != nil && !apierrors.IsNotFound(err) { // a kind that the cluster no longer has
		return fmt.Errorf("looking for %s that make pods with the recording proxy: %w", resource.Resource, err)
	}
	for _, w := range workloads {
		if _, ok := w.Object.(*appsv1.Deployment); ok && w.Holds() {
			s.paused[w.GetUID()] = w
		}
		holds, err := s.holds(ctx, w)
		if err != nil {
			return err
		}
		if holds || injection.HasProxy(w.Template.Spec) {
			s.add(w)
		}
	}
	return nil
}

// holds tells whether a StatefulSet makes some of its pods from a former template with the proxy, which only they show.
func (s *search) holds(ctx context.Context, w *workload.Workload) (bool, error) {
	set, ok := w.Object.(*appsv1.StatefulSet)
	if !ok || !w.Holds() {
		return false, nil
	}
	pods, err := w.Pods(ctx, s.Kube, 0)
	return slices.ContainsFunc(pods, func(pod corev1.Pod) bool {
		return metav1.IsControlledBy(&pod, set) && w.HoldsPod(&pod) && replacing(&pod, w, w) && injection.HasProxy(pod.Spec)
	}), err
}

// replicaSet looks at one, which is of nobody, or has been made from a template that what has made it may hold on to.
func (s *search) replicaSet(ctx context.Context, set *appsv1.ReplicaSet) error {
	if !injection.HasProxy(set.Spec.Template.Spec) {
		return nil
	}
	w, err := workload.Of(set)
	if err != nil {
		return err
	}
	by := w.Controlled()
	switch {
	case by == nil:
		s.add(w)
	case by.Kind == v1alpha1.DefaultWorkloadKind:
		if of := s.paused[by.UID]; of != nil && makes(set, of.Object.(*appsv1.Deployment)) {
			s.add(of)
		}
	case ptr.Deref(set.Spec.Replicas, 1) > 0:
		of, err := s.maker(ctx, set.Namespace, by)
		switch {
		case err != nil:
			return err
		case of.gone(): // and what it has made goes
		case of.Workload == nil: // nothing is known of it
			s.add(w)
		case of.Holds():
			s.add(of.Workload)
		}
	}
	return nil
}

// makes tells whether a Deployment that is paused makes pods of a ReplicaSet. One that has none takes up its latest again.
func makes(set *appsv1.ReplicaSet, of *appsv1.Deployment) bool {
	idle := ptr.Deref(of.Spec.Replicas, 1) == 0
	return ptr.Deref(set.Spec.Replicas, 1) > 0 || idle && set.Annotations[revision] == of.Annotations[revision]
}

// job looks at one that its owner has suspended: its template stays as it is.
func (s *search) job(_ context.Context, job *batchv1.Job) error {
	if !ptr.Deref(job.Spec.Suspend, false) || !injection.HasProxy(job.Spec.Template.Spec) {
		return nil
	}
	w, err := workload.Of(job)
	if err != nil {
		return err
	}
	s.add(w)
	return nil
}
