// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"

// TrafficSnapshot is an immutable, redacted slice of the recorded traffic of one workload.
type TrafficSnapshot struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which traffic the snapshot holds. Immutable.
	Spec TrafficSnapshotSpec `json:"spec"`
	// status says what the snapshot holds.
	// +optional
	Status TrafficSnapshotStatus `json:"status,omitempty"`
}

// TrafficSnapshotSpec says which traffic the snapshot holds. It is immutable.
type TrafficSnapshotSpec struct {
	// workloadRef names the recorded workload, in the namespace of the snapshot.
	WorkloadRef WorkloadReference `json:"workloadRef"`
	// last is how far the snapshot reaches back from its creation, such as 15m.
	// One of last, startTime and upload is required, and only one. Must be positive.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:opaqueType
	Last *metav1.Duration `json:"last,omitempty"`
	// startTime is the time of the first request that is in the snapshot.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:opaqueType
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// endTime is the time after the last request that is in the snapshot. Only with startTime;
	// when absent it is the creation time of the snapshot.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	EndTime *metav1.Time `json:"endTime,omitempty"`
	// upload says that the content is not cut from what was recorded, but uploaded to the subresource upload.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	Upload *SnapshotUpload `json:"upload,omitempty"`
}

// SnapshotUpload makes a snapshot wait for its content.
type SnapshotUpload struct {
	// port is the container port that the requests of a HAR were made to when it does not say so itself, as one of a browser
	// does not. When absent, it is the port that their URLs name.
	// +optional
	// +k8s:optional
	// +k8s:minimum=1
	// +k8s:maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// TrafficSnapshotStatus says what the snapshot holds.
type TrafficSnapshotStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready is true when the snapshot is cut, or its upload complete, and it can be replayed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +k8s:optional
	// +k8s:eachVal=+k8s:opaqueType
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// startTime is when the first request of the snapshot began.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	StartTime *metav1.MicroTime `json:"startTime,omitempty"`
	// endTime is when the last request of the snapshot began.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	EndTime *metav1.MicroTime `json:"endTime,omitempty"`
	// inbound is the number of calls that the workload received.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Inbound int64 `json:"inbound,omitempty"`
	// outbound is the number of calls that the workload made.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Outbound int64 `json:"outbound,omitempty"`
	// completeness of the recording within the snapshot.
	// +optional
	// +k8s:optional
	Completeness *Completeness `json:"completeness,omitempty"`
	// redacted counts the values in the snapshot that were replaced by tokens, by class.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	Redacted []ReasonCount `json:"redacted,omitempty"`
	// slices are the parts of the traffic that tests and mocks of a replay can name.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +listMapKey=direction
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=key
	// +k8s:listMapKey=direction
	Slices []Slice `json:"slices,omitempty"`
	// sizeBytes is the size of the snapshot in blob storage.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	SizeBytes int64 `json:"sizeBytes,omitempty"`
	// contentHash identifies the content: sha256: and the hash of all files of the snapshot.
	// +optional
	ContentHash string `json:"contentHash,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficSnapshotList is a list of TrafficSnapshots.
type TrafficSnapshotList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []TrafficSnapshot `json:"items"`
}
