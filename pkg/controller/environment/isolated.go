// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Reasons of the Isolated condition.
const (
	reasonFailsClosed = "FailsClosed"
	reasonNoPods      = "NoPods"
	reasonRules       = "RulesNotWritten"
)

// isolated tells whether every pod of the environment is shut in. The init container of a pod ends well only after it wrote the rules and then
// tried to leave and could not, and no other container starts before; so its end is the proof.
func (r *Reconciler) isolated(environment *v1alpha1.Environment) (metav1.Condition, error) {
	pods, err := r.Pods.Pods(environment.Namespace).List(labels.SelectorFromSet(labels.Set{
		v1alpha1.LabelEnvironment: environment.Name, v1alpha1.LabelComponent: injection.ComponentWorkload,
	}))
	if err != nil {
		return metav1.Condition{}, err
	}
	shut := 0
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		if !rulesStand(pod) {
			return notIsolated(reasonRules, fmt.Sprintf("pod %s: %s has not ended yet; nothing else of the pod runs before it has", pod.Name, wiring.InitContainerName)), nil
		}
		shut++
	}
	if shut == 0 {
		return notIsolated(reasonNoPods, "no copy runs"), nil
	}
	return metav1.Condition{
		Type: v1alpha1.EnvironmentIsolated, Status: metav1.ConditionTrue, Reason: reasonFailsClosed,
		Message: fmt.Sprintf("in %d of %d pods the rules stand, and connections that tried to leave were refused; behind them stands NetworkPolicy %s", shut, shut,
			WallName(environment.Name)),
	}, nil
}

func rulesStand(pod *corev1.Pod) bool {
	for _, status := range pod.Status.InitContainerStatuses {
		if status.Name == wiring.InitContainerName {
			return status.State.Terminated != nil && status.State.Terminated.ExitCode == 0
		}
	}
	return false
}

func notIsolated(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.EnvironmentIsolated, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
