// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"

// TrafficReplay runs a snapshot against an environment or a URL and judges the result.
type TrafficReplay struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what to replay, where, and how to judge it. Immutable.
	Spec TrafficReplaySpec `json:"spec"`
	// status says how far the replay is and what came of it.
	// +optional
	Status v1alpha1.TrafficReplayStatus `json:"status,omitempty"`
}

// TrafficReplaySpec says what to replay, where, and how to judge it.
type TrafficReplaySpec struct {
	// snapshot names the TrafficSnapshot, in the same namespace. In v1alpha1 it is snapshotName.
	// +k8s:required
	// +k8s:format=k8s-long-name
	Snapshot string `json:"snapshot"`
	// mode says which halves run.
	// +optional
	// +k8s:optional
	Mode v1alpha1.ReplayMode `json:"mode,omitempty"`
	// environment says where to replay.
	// +optional
	// +k8s:optional
	Environment *v1alpha1.ReplayEnvironment `json:"environment,omitempty"`
	// target is a running system to replay against.
	// +optional
	// +k8s:optional
	Target *v1alpha1.ReplayTarget `json:"target,omitempty"`
	// workloads are copied into the environment.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:unique=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=32
	Workloads []v1alpha1.EnvironmentWorkload `json:"workloads,omitempty"`
	// profileName names a ReplayProfile in the same namespace.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	ProfileName string `json:"profileName,omitempty"`
	// profile holds settings that take precedence over those of the named profile.
	// +optional
	// +k8s:optional
	Profile *v1alpha1.ReplayProfileSpec `json:"profile,omitempty"`
	// timeout is how long the replay may take.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// ttlAfterFinished deletes the replay this long after it has ended.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	TTLAfterFinished *metav1.Duration `json:"ttlAfterFinished,omitempty"`
	// cleanup says what becomes of the environment at the end.
	// +optional
	// +k8s:optional
	Cleanup v1alpha1.CleanupPolicy `json:"cleanup,omitempty"`
	// buildTag names the build under test.
	// +optional
	// +k8s:optional
	// +k8s:maxLength=253
	BuildTag string `json:"buildTag,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficReplayList is a list of TrafficReplays.
type TrafficReplayList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []TrafficReplay `json:"items"`
}
