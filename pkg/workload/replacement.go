// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Holds tells whether the workload leaves pods as they are when its template changes, until its owner says otherwise: as one that is paused does, and
// one that rolls out to a part of its pods alone, and an Argo Rollout that waits to be promoted.
func (w *Workload) Holds() bool {
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Paused
	case *appsv1.StatefulSet:
		return w.Change == ChangeReplaces && partition(o) > 0
	case *unstructured.Unstructured:
		return w.Kind.Group == "argoproj.io" && waits(o)
	}
	return false
}

// waits tells whether a Rollout, when its template changes, waits for somebody: it is paused, or has been ended on the way, or its strategy has it. By the types of
// github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1.
func waits(rollout *unstructured.Unstructured) bool {
	paused, _, _ := unstructured.NestedBool(rollout.Object, "spec", "paused")
	if paused || aborted(rollout) {
		return true
	}
	if _, ok, _ := unstructured.NestedMap(rollout.Object, "spec", "strategy", "blueGreen"); ok {
		promotes, said, _ := unstructured.NestedBool(rollout.Object, "spec", "strategy", "blueGreen", "autoPromotionEnabled")
		seconds, _, _ := unstructured.NestedInt64(rollout.Object, "spec", "strategy", "blueGreen", "autoPromotionSeconds")
		return said && !promotes && seconds == 0
	}
	steps, _, _ := unstructured.NestedSlice(rollout.Object, "spec", "strategy", "canary", "steps")
	return slices.ContainsFunc(steps, func(step any) bool {
		fields, _ := step.(map[string]any)
		pause, ok := fields["pause"].(map[string]any)
		return ok && pause["duration"] == nil
	})
}

func aborted(rollout *unstructured.Unstructured) bool {
	aborted, _, _ := unstructured.NestedBool(rollout.Object, "status", "abort")
	return aborted
}

// HoldsPod tells whether a pod of the workload is one of those. It stays with its template also when it is deleted and made again.
func (w *Workload) HoldsPod(pod *corev1.Pod) bool {
	set, ok := w.Object.(*appsv1.StatefulSet)
	if !ok || !w.Holds() {
		return w.Holds()
	}
	ordinal, err := strconv.Atoi(pod.Name[strings.LastIndex(pod.Name, "-")+1:])
	return err == nil && ordinal < int(firstOrdinal(set)+partition(set))
}

// ReleaseCommand has the workload replace the pods that it holds; empty when it holds none.
func (w *Workload) ReleaseCommand() string {
	if !w.Holds() {
		return ""
	}
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return fmt.Sprintf("kubectl -n %s rollout resume deployment/%s", w.GetNamespace(), w.GetName())
	case *unstructured.Unstructured:
		if aborted(o) {
			return fmt.Sprintf("kubectl argo rollouts -n %s retry rollout %s", w.GetNamespace(), w.GetName())
		}
		return fmt.Sprintf("kubectl argo rollouts -n %s promote %s", w.GetNamespace(), w.GetName())
	default:
		return fmt.Sprintf(`kubectl -n %s patch statefulset/%s --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'`,
			w.GetNamespace(), w.GetName())
	}
}

// RestartCommand replaces all pods of the workload; empty when kubectl rollout restart does not do that.
func (w *Workload) RestartCommand() string {
	switch w.Object.(type) {
	case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.DaemonSet:
		if w.Change == ChangeReplaces && !w.Holds() {
			return fmt.Sprintf("kubectl -n %s rollout restart %s/%s", w.GetNamespace(), strings.ToLower(w.Kind.Kind), w.GetName())
		}
	}
	return ""
}

// partition is how many of the pods of a StatefulSet, from the first on, keep the template that they have.
func partition(set *appsv1.StatefulSet) int32 {
	if rolling := set.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		return *rolling.Partition
	}
	return 0
}
