// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

const home = "home"

func server(status appsv1.DeploymentStatus) *appsv1.Deployment {
	status.ObservedGeneration = 2
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "server", Generation: 2},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "server"}}},
		Status:     status,
	}
}

func pod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "server-1", Labels: map[string]string{"app": "server"}}}
	change(pod)
	return pod
}

func waiting(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "main", Image: "example/server:v1",
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}},
		}}
	}
}

func unscheduled(message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: message}}
	}
}

func claim(phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "data"}, Status: corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}

func event(name, kind, object, eventType, message string, at int64) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: home, Name: name},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: object}, Type: eventType, Message: message,
		LastTimestamp: metav1.Unix(at, 0),
	}
}

func TestDeployment(t *testing.T) {
	old := appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1}
	for name, test := range map[string]struct {
		objects []runtime.Object
		ready   bool
		detail  string
	}{
		"not there": {nil, false, "it has not been made yet"},
		"rolled out": {
			[]runtime.Object{server(appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1})}, true, "1 of 1 ready",
		},
		"an old pod is there still": {
			[]runtime.Object{server(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1, AvailableReplicas: 2})}, false, "1 of 1 ready",
		},
		"refused": {
			[]runtime.Object{server(appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{
				{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota: small"},
			}})}, false, "0 of 1 ready: exceeded quota: small",
		},
		"no image": {
			[]runtime.Object{server(old), pod(waiting("ImagePullBackOff", "not found"))}, false,
			"0 of 1 ready: the image example/server:v1 cannot be pulled: not found",
		},
		"no Secret": {
			[]runtime.Object{server(old), pod(waiting("CreateContainerConfigError", `secret "etcd" not found`))}, false,
			`0 of 1 ready: container main cannot be started: secret "etcd" not found`,
		},
		"crash": {
			[]runtime.Object{server(old), pod(waiting("CrashLoopBackOff", "back-off"))}, false,
			"0 of 1 ready: container main crashes (Error, exit code 3); its last line: fake logs",
		},
		"no node": {
			[]runtime.Object{server(old), pod(unscheduled("0/1 nodes are available: 1 Insufficient cpu.")), claim(corev1.ClaimBound)}, false,
			"0 of 1 ready: no node takes it: 0/1 nodes are available: 1 Insufficient cpu.",
		},
		"no volume": {
			[]runtime.Object{
				server(old), pod(unscheduled("0/1 nodes are available")), claim(corev1.ClaimPending),
				event("a", "PersistentVolumeClaim", "data", "Normal", "waiting", 1),
				event("b", "PersistentVolumeClaim", "data", "Normal", "no storage class is set", 2),
			}, false, "0 of 1 ready: PersistentVolumeClaim data has no volume: no storage class is set",
		},
		"cannot be mounted": {
			[]runtime.Object{
				server(old), pod(waiting("ContainerCreating", "")),
				event("a", "Pod", "server-1", "Warning", "MountVolume.SetUp failed", 1), event("b", "Pod", "server-1", "Normal", "Scheduled", 2),
			}, false, "0 of 1 ready: MountVolume.SetUp failed",
		},
		"starting": {[]runtime.Object{server(old), pod(func(*corev1.Pod) {})}, false, "0 of 1 ready: starting"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &Client{kube: fake.NewClientset(test.objects...)}
			ready, detail, err := client.Deployment(home, "server").Check(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.detail, detail)
			require.Equal(t, test.ready, ready)
		})
	}
}
