// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Templaters are the kinds that make their pods through ReplicaSets, by the label that both carry: the name of the ReplicaSet is that of
// the workload, a dash and the value of the label.
var Templaters = []struct {
	Label     string
	Reference v1alpha1.WorkloadReference // without a name
}{
	{"pod-template-hash", v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment"}},
	{"rollouts-pod-template-hash", v1alpha1.WorkloadReference{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout"}},
}

// ScheduledSuffix is how the names of the Jobs of a CronJob end: with the minutes since 1970 for which each was due.
const ScheduledSuffix = "-[0-9]{8,}$"

var scheduled = regexp.MustCompile(ScheduledSuffix)

// OwnerOf returns the workload that a pod is made for, from the pod alone: nothing is read, so that it can be told as the pod is made. It is
// the pod itself when nothing makes it, without a name when that is not given yet.
func OwnerOf(pod *corev1.Pod) v1alpha1.WorkloadReference {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return v1alpha1.WorkloadReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name}
	}
	switch owner.Kind {
	case "ReplicaSet":
		for _, maker := range Templaters {
			if name, found := strings.CutSuffix(owner.Name, "-"+pod.Labels[maker.Label]); found && pod.Labels[maker.Label] != "" {
				ref := maker.Reference
				ref.Name = name
				return ref
			}
		}
	case "Job":
		if at := scheduled.FindStringIndex(owner.Name); at != nil {
			return v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "CronJob", Name: owner.Name[:at[0]]}
		}
	}
	return v1alpha1.WorkloadReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name}
}
