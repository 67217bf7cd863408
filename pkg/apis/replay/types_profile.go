// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayProfile holds settings of replays for use by many of them.
type ReplayProfile struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec ReplayProfileSpec
}

// ReplayProfileSpec holds the settings of a replay. Every field has a default, so that an
// empty profile is valid: recorded pacing, failing misses, recorded latency of dependencies,
// and a replay that passes when nothing failed and nothing differs.
type ReplayProfileSpec struct {
	Load       LoadProfile
	Responder  ResponderProfile
	Comparison ComparisonProfile
	Goals      []Goal
}

// LoadPattern says where arrival times come from.
type LoadPattern string

const (
	// LoadRecorded takes the arrival times of the recording, divided by the speed.
	LoadRecorded LoadPattern = "Recorded"
)

// LoadProfile says how the inbound requests are paced.
type LoadProfile struct {
	Pattern        LoadPattern
	Speed          string
	RequestTimeout *metav1.Duration
}

// MissPolicy says what happens to an outbound call that the recording does not hold.
type MissPolicy string

const (
	// MissFail resets the connection.
	MissFail MissPolicy = "Fail"
	// MissStatus answers with missStatus.
	MissStatus MissPolicy = "Status"
)

// ResponderLatency says how fast recorded answers are given.
type ResponderLatency string

const (
	// LatencyRecorded answers after the time that the dependency took when it was recorded.
	LatencyRecorded ResponderLatency = "Recorded"
	// LatencyNone answers at once.
	LatencyNone ResponderLatency = "None"
)

// ResponderProfile says how the dependencies are played.
type ResponderProfile struct {
	OnMiss     MissPolicy
	MissStatus *int32
	Latency    ResponderLatency
}

// ComparisonProfile says how responses are compared with the recording.
type ComparisonProfile struct {
	Headers    []string
	Ignore     []string
	LearnNoise *bool
}

// Goal is a condition on the result of a replay.
type Goal struct {
	Name       string
	Expression string
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayProfileList is a list of ReplayProfiles.
type ReplayProfileList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []ReplayProfile
}
