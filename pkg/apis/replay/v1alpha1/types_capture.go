// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"

// TrafficCapture records the traffic of one workload. It is made from the annotation
// capture.restage.dev/enabled on the workload, or by hand.
type TrafficCapture struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what to record.
	Spec TrafficCaptureSpec `json:"spec"`
	// status says what is being recorded.
	// +optional
	Status TrafficCaptureStatus `json:"status,omitempty"`
}

// TrafficCaptureSpec says what to record.
type TrafficCaptureSpec struct {
	// workloadRef names the workload to record, in the namespace of the capture. Immutable.
	WorkloadRef WorkloadReference `json:"workloadRef"`
	// ports are the container ports whose inbound traffic is recorded. When empty, these are
	// all TCP container ports that the workload's pod template declares.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minimum=1
	// +k8s:eachVal=+k8s:maximum=65535
	Ports []int32 `json:"ports,omitempty"`
	// ignore says which traffic is passed on without being recorded. Probes of the kubelet, the API server and the metadata
	// services of clouds are never recorded.
	// +optional
	// +k8s:optional
	Ignore *CaptureIgnore `json:"ignore,omitempty"`
	// samplePercent is the part of sessions that is recorded, 1 to 100. A session, which is all calls of one trace, or of one
	// connection where there is no trace, is recorded as a whole or not at all. When absent, all are.
	// +optional
	// +k8s:optional
	// +k8s:minimum=1
	// +k8s:maximum=100
	SamplePercent *int32 `json:"samplePercent,omitempty"`
	// bodyLimitBytes is the number of bytes of each body that are kept, at most 1048576, which is the default. Of a longer
	// body the length and the SHA-256 are kept as well, and the call is marked as truncated.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	// +k8s:maximum=1048576
	BodyLimitBytes *int64 `json:"bodyLimitBytes,omitempty"`
	// redaction changes what is replaced by tokens before anything leaves the pod. Without it all detectors are at work.
	// +optional
	// +k8s:optional
	Redaction *CaptureRedaction `json:"redaction,omitempty"`
	// tls says which TLS connections are read. When absent, none is: they are passed on as they are and kept as bytes.
	// +optional
	// +k8s:optional
	TLS *CaptureTLS `json:"tls,omitempty"`
	// descriptorSetConfigMapName names a ConfigMap in the namespace of the capture whose key descriptors.binpb holds the types of the
	// messages of gRPC calls: a FileDescriptorSet as protoc writes it with --include_imports and --descriptor_set_out. Fields then have their
	// names, in rules of redaction, in paths of comparisons and in reports. Without it they have their numbers alone.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	DescriptorSetConfigMapName string `json:"descriptorSetConfigMapName,omitempty"`
}

// TrafficCaptureStatus says what is being recorded.
type TrafficCaptureStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready is true when every pod of the workload runs the recording proxy. TLSRead is true when the TLS connections
	// that spec.tls asks for are read, and false when some are passed through, with the reason. DescriptorSetRead is true when the
	// descriptor set that the spec names can be read, and false when it cannot, with the reason.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +k8s:optional
	// +k8s:eachVal=+k8s:opaqueType
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// pods is the number of the workload's pods.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Pods int32 `json:"pods,omitempty"`
	// recordingPods is the number of the workload's pods that run the recording proxy.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	RecordingPods int32 `json:"recordingPods,omitempty"`
	// completeness of what has been recorded so far.
	// +optional
	// +k8s:optional
	Completeness *Completeness `json:"completeness,omitempty"`
	// lastRecordTime is when the newest record was taken.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	LastRecordTime *metav1.Time `json:"lastRecordTime,omitempty"`
	// leftOut counts calls and connections that were passed on without being recorded, as the capture asks for, by reason. They are
	// no losses.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	LeftOut []ReasonCount `json:"leftOut,omitempty"`
	// redacted counts the values that were replaced by tokens, by class.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	Redacted []ReasonCount `json:"redacted,omitempty"`
	// rate is how many records a second were taken over the last minute.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Rate int64 `json:"rate,omitempty"`
	// sizeBytes is the size, in blob storage, of the workload's recorded traffic that is kept.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	SizeBytes int64 `json:"sizeBytes,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficCaptureList is a list of TrafficCaptures.
type TrafficCaptureList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []TrafficCapture `json:"items"`
}
