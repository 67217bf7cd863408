// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Pods reads the pods of a workload, as the API server has them in its cache; no more than limit of them, and with 0 all.
func (w *Workload) Pods(ctx context.Context, kube kubernetes.Interface, limit int64) ([]corev1.Pod, error) {
	if pod, ok := w.Object.(*corev1.Pod); ok {
		return []corev1.Pod{*pod}, nil
	}
	selector, err := w.podSelector(ctx, kube)
	if err != nil || selector == "" {
		return nil, err
	}
	pods, err := kube.CoreV1().Pods(w.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: limit, ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("reading the pods of %s: %w", w, err)
	}
	return pods.Items, nil
}

// podSelector is the label selector of the pods; "" for none.
func (w *Workload) podSelector(ctx context.Context, kube kubernetes.Interface) (string, error) {
	if _, ok := w.Object.(*batchv1.CronJob); ok {
		return w.runs(ctx, kube)
	}
	if w.Selector == nil {
		return "", nil
	}
	selector, err := metav1.LabelSelectorAsSelector(w.Selector)
	if err != nil {
		return "", fmt.Errorf("reading the selector of %s: %w", w, err)
	}
	return selector.String(), nil
}

// runs selects the pods of those Jobs of a CronJob that have not ended.
func (w *Workload) runs(ctx context.Context, kube kubernetes.Interface) (string, error) {
	jobs, err := kube.BatchV1().Jobs(w.GetNamespace()).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return "", fmt.Errorf("reading the Jobs of %s: %w", w, err)
	}
	var running []string
	for i := range jobs.Items {
		if job := &jobs.Items[i]; metav1.IsControlledBy(job, w) && job.Status.CompletionTime == nil {
			running = append(running, string(job.UID))
		}
	}
	if len(running) == 0 {
		return "", nil
	}
	return batchv1.ControllerUidLabel + " in (" + strings.Join(running, ",") + ")", nil
}
