// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficCapture records the traffic of one workload. It is made from the annotation
// capture.restage.dev/enabled on the workload, or by hand.
type TrafficCapture struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   TrafficCaptureSpec
	Status TrafficCaptureStatus
}

// TrafficCaptureSpec says what to record.
type TrafficCaptureSpec struct {
	WorkloadRef WorkloadReference
	Ports       []int32

	Ignore         *CaptureIgnore
	SamplePercent  *int32
	BodyLimitBytes *int64
	Redaction      *CaptureRedaction
	TLS            *CaptureTLS

	DescriptorSetConfigMapName string
}

// TrafficCaptureStatus says what is being recorded.
type TrafficCaptureStatus struct {
	ObservedGeneration int64
	Conditions         []metav1.Condition
	Pods               int32
	RecordingPods      int32
	Completeness       *Completeness
	LastRecordTime     *metav1.Time
	LeftOut            []ReasonCount
	Redacted           []ReasonCount
	Rate               int64
	SizeBytes          int64
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficCaptureList is a list of TrafficCaptures.
type TrafficCaptureList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []TrafficCapture
}
