// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +genclient
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayProfile holds settings of replays for use by many of them.
type ReplayProfile struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds the settings.
	// +optional
	Spec ReplayProfileSpec `json:"spec,omitempty"`
}

// ReplayProfileSpec holds the settings of a replay. Every field has a default, so that an
// empty profile is valid: recorded pacing, failing misses, recorded latency of dependencies,
// and a replay that passes when nothing failed and nothing differs.
type ReplayProfileSpec struct {
	// load says how the inbound requests are paced.
	// +optional
	Load LoadProfile `json:"load,omitempty"`
	// responder says how the dependencies are played.
	// +optional
	Responder ResponderProfile `json:"responder,omitempty"`
	// comparison says how responses are compared with the recording.
	// +optional
	Comparison ComparisonProfile `json:"comparison,omitempty"`
	// goals must all hold for the replay to pass. When empty: no failed and no differing
	// response, and no unmatched outbound call.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=64
	Goals []Goal `json:"goals,omitempty"`
}

// LoadPattern says where arrival times come from.
// +enum
// +k8s:enum
type LoadPattern string

const (
	// LoadRecorded takes the arrival times of the recording, divided by the speed.
	LoadRecorded LoadPattern = "Recorded"
)

// LoadProfile says how the inbound requests are paced.
type LoadProfile struct {
	// pattern of the arrival times. Recorded, the default, takes those of the recording.
	// +optional
	// +k8s:optional
	Pattern LoadPattern `json:"pattern,omitempty"`
	// speed multiplies the recorded pace, as a decimal number from 0.1 to 100. Default "1".
	// +optional
	Speed string `json:"speed,omitempty"`
	// requestTimeout is how long the answer to one request may take. Default 30s.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	RequestTimeout *metav1.Duration `json:"requestTimeout,omitempty"`
}

// MissPolicy says what happens to an outbound call that the recording does not hold.
// +enum
// +k8s:enum
type MissPolicy string

const (
	// MissFail resets the connection.
	MissFail MissPolicy = "Fail"
	// MissStatus answers with missStatus.
	MissStatus MissPolicy = "Status"
)

// ResponderLatency says how fast recorded answers are given.
// +enum
// +k8s:enum
type ResponderLatency string

const (
	// LatencyRecorded answers after the time that the dependency took when it was recorded.
	LatencyRecorded ResponderLatency = "Recorded"
	// LatencyNone answers at once.
	LatencyNone ResponderLatency = "None"
)

// ResponderProfile says how the dependencies are played.
type ResponderProfile struct {
	// onMiss says what happens to a call that the recording does not hold: Fail, the default,
	// resets the connection; Status answers with missStatus.
	// +optional
	// +k8s:optional
	OnMiss MissPolicy `json:"onMiss,omitempty"`
	// missStatus is the HTTP status that answers an unmatched call when onMiss is Status. Default 502.
	// +optional
	// +k8s:optional
	// +k8s:minimum=100
	// +k8s:maximum=599
	MissStatus *int32 `json:"missStatus,omitempty"`
	// latency of recorded answers: Recorded, the default, or None.
	// +optional
	// +k8s:optional
	Latency ResponderLatency `json:"latency,omitempty"`
}

// ComparisonProfile says how responses are compared with the recording.
type ComparisonProfile struct {
	// headers are the names of the response headers that are compared. Default Content-Type and Location.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:maxItems=64
	Headers []string `json:"headers,omitempty"`
	// ignore lists JSON paths of response bodies that are not compared, such as
	// $.runtime.num_goroutine or $.items[*].id.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:maxLength=1024
	Ignore []string `json:"ignore,omitempty"`
	// learnNoise leaves out fields whose values differ between recorded answers to the same request.
	// Default true.
	// +optional
	LearnNoise *bool `json:"learnNoise,omitempty"`
}

// Goal is a condition on the result of a replay.
type Goal struct {
	// name of the goal, unique in the list.
	// +k8s:required
	// +k8s:format=k8s-label-key
	Name string `json:"name"`
	// expression in CEL over the variable summary, with the fields of
	// TrafficReplay.status.summary; latencies are in seconds. For example
	// summary.differing == 0 && summary.replayed.p99 < 1.5 * summary.recorded.p99.
	// +k8s:required
	// +k8s:maxLength=4096
	Expression string `json:"expression"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayProfileList is a list of ReplayProfiles.
type ReplayProfileList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []ReplayProfile `json:"items"`
}
