// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package podstatus says in a sentence what is wrong with a pod.
package podstatus

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Problem is the first thing that keeps a pod from being ready.
func Problem(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return fmt.Sprintf("%s: %s", condition.Reason, condition.Message)
		}
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range list {
			if why := containerProblem(status); why != "" {
				return fmt.Sprintf("container %s: %s", status.Name, why)
			}
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if !status.Ready {
			return fmt.Sprintf("container %s is not ready", status.Name)
		}
	}
	return fmt.Sprintf("is %s", pod.Status.Phase)
}

// containerProblem is why a container waits, or how it ended when it should not have.
func containerProblem(status corev1.ContainerStatus) string {
	switch {
	case status.State.Waiting != nil && status.State.Waiting.Reason != "PodInitializing" && status.State.Waiting.Reason != "ContainerCreating":
		return Join(status.State.Waiting.Reason, status.State.Waiting.Message)
	case status.State.Terminated != nil && status.State.Terminated.ExitCode != 0:
		return Join(fmt.Sprintf("%s with exit code %d", status.State.Terminated.Reason, status.State.Terminated.ExitCode), status.State.Terminated.Message)
	default:
		return ""
	}
}

// Join writes a reason and, when there is one, its message.
func Join(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}
