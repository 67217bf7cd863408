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

// ReasonFailsClosed is the reason of the Isolated condition where nothing but the pods themselves is needed to hold them.
const ReasonFailsClosed = "FailsClosed"

// Other reasons of it.
const (
	reasonExplicit    = "ExplicitMode"
	reasonNotEnforced = "NotEnforced"
	reasonNoPods      = "NoPods"
	reasonRules       = "RulesNotWritten"
	reasonUntried     = "CanaryNotTried"
)

// isolated tells whether every pod of the environment is shut in. The init container of a pod ends well only after it wrote the rules and then
// tried to leave and could not, and no other container starts before; so its end is the proof. In a pod without rules it says whether it could.
func (r *Reconciler) isolated(environment *v1alpha1.Environment) (metav1.Condition, error) {
	pods, err := r.Pods.Pods(environment.Namespace).List(labels.SelectorFromSet(labels.Set{
		v1alpha1.LabelEnvironment: environment.Name, v1alpha1.LabelComponent: injection.ComponentWorkload,
	}))
	if err != nil {
		return metav1.Condition{}, err
	}
	shut, withoutRules := 0, 0
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		if condition := open(pod); condition != nil {
			return *condition, nil
		}
		if isExplicit(pod) {
			withoutRules++
		}
		shut++
	}
	switch {
	case shut == 0:
		return notIsolated(reasonNoPods, "no copy runs"), nil
	case withoutRules > 0:
		return isolated(reasonExplicit, fmt.Sprintf("interception Explicit: in %d of %d pods recorded names are answered and all others refused; no rules stand there, so what dials "+
			"an address past the proxy is held back by NetworkPolicy %s alone, as it was when the pods tried at their start", withoutRules, shut, WallName(environment.Name))), nil
	}
	return isolated(ReasonFailsClosed, fmt.Sprintf("in %d of %d pods the rules stand, and connections that tried to leave were refused; behind them stands NetworkPolicy %s",
		shut, shut, WallName(environment.Name))), nil
}

// open says why a pod is not known to be shut in; nil when it is.
func open(pod *corev1.Pod) *metav1.Condition {
	ended := initEnd(pod)
	var condition metav1.Condition
	switch {
	case ended == nil && !isExplicit(pod):
		condition = notIsolated(reasonRules, fmt.Sprintf("pod %s: %s has not ended yet; nothing else of the pod runs before it has", pod.Name, wiring.InitContainerName))
	case ended == nil:
		condition = notIsolated(reasonUntried, fmt.Sprintf("pod %s: %s has not found out yet what the network holds back; nothing else of the pod runs before it has",
			pod.Name, wiring.InitContainerName))
	case isExplicit(pod) && ended.Message == wiring.CanaryOut:
		condition = notIsolated(reasonNotEnforced, fmt.Sprintf("interception Explicit: recorded names are answered and all others refused, but pod %s reached the API server past the proxy, "+
			"so nothing holds back what dials an address; use a network plugin that enforces NetworkPolicies, or a namespace that allows NET_ADMIN", pod.Name))
	case isExplicit(pod) && ended.Message != wiring.CanaryHeld:
		condition = notIsolated(reasonNotEnforced, fmt.Sprintf("interception Explicit: recorded names are answered and all others refused, but pod %s did not find out whether the network "+
			"holds back what dials an address, which it cannot where KUBERNETES_SERVICE_HOST is a name", pod.Name))
	default:
		return nil
	}
	return &condition
}

func isExplicit(pod *corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationInterception] == string(v1alpha1.InterceptionExplicit)
}

// initEnd is how the init container ended, nil until it has ended well.
func initEnd(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, status := range pod.Status.InitContainerStatuses {
		if status.Name == wiring.InitContainerName && status.State.Terminated != nil && status.State.Terminated.ExitCode == 0 {
			return status.State.Terminated
		}
	}
	return nil
}

func isolated(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.EnvironmentIsolated, Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func notIsolated(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.EnvironmentIsolated, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
