// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// AmbiguousError says why a Service does not stand for one workload.
type AmbiguousError struct {
	Service string
	// Candidates are the workloads whose pods it selects.
	Candidates []v1alpha1.WorkloadReference
	// NoSelector tells that it selects no pods at all.
	NoSelector bool
}

func (e *AmbiguousError) Error() string {
	switch {
	case e.NoSelector:
		return fmt.Sprintf("Service %q has no selector; name the workload itself", e.Service)
	case len(e.Candidates) == 0:
		return fmt.Sprintf("Service %q selects the pods of no workload", e.Service)
	}
	names := make([]string, len(e.Candidates))
	for i, ref := range e.Candidates {
		names[i] = ref.Kind + " " + ref.Name
	}
	return fmt.Sprintf("Service %q selects the pods of several workloads; name one of them: %s", e.Service, strings.Join(names, ", "))
}

// IsService tells whether a reference names a Service, which stands for a workload.
func IsService(ref v1alpha1.WorkloadReference) bool {
	return ref.Kind == v1alpha1.KindService && ref.APIVersion == v1alpha1.WorkloadAPIVersion(v1alpha1.KindService)
}

// Find is Get for references that may name a Service.
func (c Client) Find(ctx context.Context, namespace string, ref v1alpha1.WorkloadReference) (*Workload, error) {
	if IsService(ref) {
		var err error
		if ref, err = c.Selected(ctx, namespace, ref.Name); err != nil {
			return nil, err
		}
	}
	return c.Get(ctx, namespace, ref)
}

// Selected returns the one workload whose pod template a Service selects. The error is a NotFound of the API or an *AmbiguousError.
func (c Client) Selected(ctx context.Context, namespace, service string) (v1alpha1.WorkloadReference, error) {
	var none v1alpha1.WorkloadReference
	found, err := c.Kube.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return none, err
	}
	if len(found.Spec.Selector) == 0 {
		return none, &AmbiguousError{Service: service, NoSelector: true}
	}
	candidates, err := c.candidates(ctx, namespace, labels.SelectorFromSet(found.Spec.Selector))
	if err != nil {
		return none, fmt.Errorf("looking for the workload of Service %q: %w", service, err)
	}
	if len(candidates) != 1 {
		return none, &AmbiguousError{Service: service, Candidates: candidates}
	}
	return candidates[0], nil
}

// candidates are the workloads whose templates fit. What is made by another workload stands for that, also when its kind is not
// Kubernetes' own.
func (c Client) candidates(ctx context.Context, namespace string, selector labels.Selector) ([]v1alpha1.WorkloadReference, error) {
	var found []v1alpha1.WorkloadReference
	for _, k := range kinds {
		workloads, err := c.List(ctx, namespace, k.gvk.GroupVersion().WithResource(k.resource))
		if err != nil {
			return nil, err
		}
		for _, w := range workloads {
			if !selector.Matches(labels.Set(w.Template.Labels)) || hasEnded(w) {
				continue
			}
			ref := w.Reference()
			if maker := w.Controlled(); maker != nil {
				ref = v1alpha1.WorkloadReference{APIVersion: maker.APIVersion, Kind: maker.Kind, Name: maker.Name}
				if w.Kind.Kind != "ReplicaSet" || builtIn(schema.FromAPIVersionAndKind(maker.APIVersion, maker.Kind)) != nil {
					continue // what made it is looked at itself
				}
			}
			if !slices.Contains(found, ref) {
				found = append(found, ref)
			}
		}
	}
	return found, nil
}

// hasEnded tells whether the pods of a workload have run to their end.
func hasEnded(w *Workload) bool {
	switch o := w.Object.(type) {
	case *batchv1.Job:
		return o.Status.CompletionTime != nil
	case *corev1.Pod:
		return o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed
	}
	return false
}
