// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tokenVolume is how the names begin of the volumes that Kubernetes adds to pods for the token of their service account.
const tokenVolume = "kube-api-access-"

// templateOf returns the template that the pod could have been made from: without what the cluster has put into it.
func templateOf(pod *corev1.Pod) corev1.PodTemplateSpec {
	spec := pod.Spec.DeepCopy()
	spec.NodeName, spec.ActiveDeadlineSeconds, spec.EphemeralContainers, spec.Overhead = "", nil, nil, nil
	spec.SchedulingGates = nil
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return isToken(v.Name) })
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts, func(m corev1.VolumeMount) bool { return isToken(m.Name) })
		}
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: *spec}
}

func isToken(volume string) bool { return strings.HasPrefix(volume, tokenVolume) }
