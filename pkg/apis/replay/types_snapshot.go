// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficSnapshot is an immutable, redacted slice of the recorded traffic of one workload.
type TrafficSnapshot struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   TrafficSnapshotSpec
	Status TrafficSnapshotStatus
}

// TrafficSnapshotSpec says which traffic the snapshot holds. It is immutable.
type TrafficSnapshotSpec struct {
	WorkloadRef WorkloadReference
	Last        *metav1.Duration
	StartTime   *metav1.Time
	EndTime     *metav1.Time
	Upload      *SnapshotUpload
}

// SnapshotUpload makes a snapshot wait for its content, which is uploaded.
type SnapshotUpload struct {
	Port *int32
}

// TrafficSnapshotStatus says what the snapshot holds.
type TrafficSnapshotStatus struct {
	ObservedGeneration int64
	Conditions         []metav1.Condition
	StartTime          *metav1.MicroTime
	EndTime            *metav1.MicroTime
	Inbound            int64
	Outbound           int64
	Completeness       *Completeness
	Redacted           []ReasonCount
	Slices             []Slice
	SizeBytes          int64
	ContentHash        string
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficSnapshotList is a list of TrafficSnapshots.
type TrafficSnapshotList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []TrafficSnapshot
}
