// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
)

// logBytes bounds what is read of the log of a container that crashed.
const logBytes = 16 << 10

// podReason finds out why a pod is not ready. What it may not read it does without.
type podReason struct {
	kube kubernetes.Interface
	pod  *corev1.Pod
}

// PodReason says why a pod is not ready; it is empty when the pod is.
func PodReason(ctx context.Context, kube kubernetes.Interface, pod *corev1.Pod) string {
	return podReason{kube, pod}.why(ctx)
}

// why is empty when the pod is ready.
func (p podReason) why(ctx context.Context) string {
	if condition := p.condition(corev1.PodScheduled); condition != nil && condition.Status == corev1.ConditionFalse {
		if why := p.unbound(ctx); why != "" {
			return why
		}
		return "no node takes it: " + condition.Message
	}
	for _, status := range slices.Concat(p.pod.Status.InitContainerStatuses, p.pod.Status.ContainerStatuses) {
		if why := p.container(ctx, status); why != "" {
			return why
		}
	}
	if condition := p.condition(corev1.PodReady); condition != nil && condition.Status == corev1.ConditionTrue {
		return ""
	}
	if warning := p.warning(ctx, "Pod", p.pod.Name); warning != "" {
		return warning
	}
	return "starting"
}

func (p podReason) condition(kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.pod.Status.Conditions {
		if p.pod.Status.Conditions[i].Type == kind {
			return &p.pod.Status.Conditions[i]
		}
	}
	return nil
}

func (p podReason) container(ctx context.Context, status corev1.ContainerStatus) string {
	if waiting := status.State.Waiting; waiting != nil {
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
			return fmt.Sprintf("the image %s cannot be pulled: %s", status.Image, waiting.Message)
		case "CrashLoopBackOff":
			return p.crash(ctx, status.Name, status.LastTerminationState.Terminated)
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return fmt.Sprintf("container %s cannot be started: %s", status.Name, waiting.Message)
		}
	}
	if ended := status.State.Terminated; ended != nil && ended.ExitCode != 0 {
		return p.crash(ctx, status.Name, ended)
	}
	return ""
}

// crash says how a container ended and what it said last.
func (p podReason) crash(ctx context.Context, container string, ended *corev1.ContainerStateTerminated) string {
	text := "container " + container + " crashes"
	if ended != nil {
		text += fmt.Sprintf(" (%s, exit code %d)", ended.Reason, ended.ExitCode)
		if line := lastOf(ended.Message); line != "" {
			return text + "; its last line: " + line
		}
	}
	if line := p.lastLine(ctx, container); line != "" {
		text += "; its last line: " + line
	}
	return text
}

// lastOf is the last line of a termination message, which with the policy FallbackToLogsOnError is the end of the log.
func lastOf(message string) string {
	message = strings.TrimSpace(message)
	return message[strings.LastIndex(message, "\n")+1:]
}

// lastLine is of the container that ended last: the one that runs, if there is one, has said nothing of why.
func (p podReason) lastLine(ctx context.Context, container string) string {
	for _, previous := range []bool{true, false} {
		lines, limit := int64(1), int64(logBytes)
		data, err := p.kube.CoreV1().Pods(p.pod.Namespace).GetLogs(p.pod.Name, &corev1.PodLogOptions{
			Container: container, Previous: previous, TailLines: &lines, LimitBytes: &limit,
		}).DoRaw(ctx)
		// A log that the runtime has thrown away is no error for the kubelet: it says so in place of the log.
		if text := strings.TrimSpace(string(data)); err == nil && text != "" && !strings.HasPrefix(text, "unable to retrieve container logs") {
			return text
		}
	}
	return ""
}

// unbound names a claim of the pod that has no volume.
func (p podReason) unbound(ctx context.Context) string {
	for _, volume := range p.pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		name := volume.PersistentVolumeClaim.ClaimName
		claim, err := p.kube.CoreV1().PersistentVolumeClaims(p.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		text := fmt.Sprintf("PersistentVolumeClaim %s has no volume", name)
		if event := p.event(ctx, "PersistentVolumeClaim", name, func(corev1.Event) bool { return true }); event != "" {
			text += ": " + event
		}
		return text
	}
	return ""
}

func (p podReason) warning(ctx context.Context, kind, name string) string {
	return p.event(ctx, kind, name, func(event corev1.Event) bool { return event.Type == corev1.EventTypeWarning })
}

// event is the message of the latest event of an object that is wanted.
func (p podReason) event(ctx context.Context, kind, name string, wanted func(corev1.Event) bool) string {
	selector := fields.Set{"involvedObject.kind": kind, "involvedObject.name": name}.AsSelector().String()
	events, err := p.kube.CoreV1().Events(p.pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		return ""
	}
	var latest *corev1.Event
	for i := range events.Items {
		event := &events.Items[i]
		if wanted(*event) && (latest == nil || !seen(event).Before(seen(latest))) {
			latest = event
		}
	}
	if latest == nil {
		return ""
	}
	return latest.Message
}

// seen is when an event was seen last; events of the newer API have no lastTimestamp.
func seen(event *corev1.Event) *metav1.Time {
	switch {
	case event.Series != nil:
		return &metav1.Time{Time: event.Series.LastObservedTime.Time}
	case !event.LastTimestamp.IsZero():
		return &event.LastTimestamp
	default:
		return &metav1.Time{Time: event.EventTime.Time}
	}
}
