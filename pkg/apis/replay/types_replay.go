// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficReplay runs a snapshot against an environment or a URL and judges the result.
type TrafficReplay struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   TrafficReplaySpec
	Status TrafficReplayStatus
}

// ReplayMode says which halves of a replay run.
type ReplayMode string

const (
	// ModeFull builds an environment, plays its dependencies and replays the inbound requests.
	ModeFull ReplayMode = "Full"
	// ModeMocksOnly builds an environment and plays its dependencies until the timeout; requests come from elsewhere.
	ModeMocksOnly ReplayMode = "MocksOnly"
	// ModeLoadOnly replays the inbound requests against target.url.
	ModeLoadOnly ReplayMode = "LoadOnly"
)

// CleanupPolicy says what becomes of the environment when a replay has ended.
type CleanupPolicy string

const (
	// CleanupRestore deletes everything that the replay made.
	CleanupRestore CleanupPolicy = "Restore"
	// CleanupKeep leaves the environment in place until the replay is deleted.
	CleanupKeep CleanupPolicy = "Keep"
)

// TrafficReplaySpec says what to replay, where, and how to judge it. It is immutable.
type TrafficReplaySpec struct {
	SnapshotName     string
	Mode             ReplayMode
	Environment      *ReplayEnvironment
	Target           *ReplayTarget
	Workloads        []EnvironmentWorkload
	ProfileName      string
	Profile          *ReplayProfileSpec
	Timeout          *metav1.Duration
	TTLAfterFinished *metav1.Duration
	Cleanup          CleanupPolicy
	BuildTag         string
}

// ReplayEnvironment is a standing environment or the settings of a new one.
type ReplayEnvironment struct {
	Name     string
	Template *ReplayEnvironmentTemplate
}

// ReplayEnvironmentTemplate holds the settings of an environment that is made for a replay.
type ReplayEnvironmentTemplate struct {
	ClassName string
}

// ReplayTarget is a running system to replay against.
type ReplayTarget struct {
	URL string
}

// Condition types of a TrafficReplay.
const (
	// ReplayEnvironmentReady is true when the environment is up.
	ReplayEnvironmentReady = "EnvironmentReady"
	// ReplayRunning is true while requests are replayed.
	ReplayRunning = "Running"
	// ReplayComplete is true when the replay has ended, however it ended.
	ReplayComplete = "Complete"
	// ReplayPassed is true when every goal holds. It is false when the replay has ended otherwise.
	ReplayPassed = "Passed"
	// ReplayRestored is true when nothing of the environment is left.
	ReplayRestored = "Restored"
	// ReplayCancelRequested is true when somebody asked, through the subresource cancel, that the replay end.
	ReplayCancelRequested = "CancelRequested"
)

// Reasons of conditions that clients may rely on.
const (
	// ReasonCancelRequested is that of CancelRequested.
	ReasonCancelRequested = "Requested"
	// ReasonCancelled is that of Complete and Passed of a replay that was cancelled.
	ReasonCancelled = "Cancelled"
)

// ReplayPhase tells in a word how a replay stands.
type ReplayPhase string

// Phases of a replay.
const (
	PhasePending   ReplayPhase = "Pending"
	PhaseRunning   ReplayPhase = "Running"
	PhasePassed    ReplayPhase = "Passed"
	PhaseFailed    ReplayPhase = "Failed"
	PhaseEnded     ReplayPhase = "Ended"
	PhaseCancelled ReplayPhase = "Cancelled"
	PhaseError     ReplayPhase = "Error"
)

// TrafficReplayStatus says how far a replay is and what came of it.
type TrafficReplayStatus struct {
	ObservedGeneration int64
	Phase              ReplayPhase
	Conditions         []metav1.Condition
	EnvironmentName    string
	Progress           *ReplayProgress
	Summary            *ReplaySummary
	StartTime          *metav1.Time
	CompletionTime     *metav1.Time
}

// ReplayProgress is the progress of the load.
type ReplayProgress struct {
	Sent    int64
	Total   int64
	Percent int32
	Rate    int64
	Errors  int64
}

// ReplaySummary is the result of a replay in numbers.
type ReplaySummary struct {
	Requests  int64
	Failed    int64
	Differing int64
	Skipped   int64
	Recorded  LatencySummary
	Replayed  LatencySummary
	Matches   MatchSummary
	Egress    EgressCounts
	Goals     []GoalResult
}

// LatencySummary are percentiles of latency.
type LatencySummary struct {
	P50 metav1.Duration
	P90 metav1.Duration
	P99 metav1.Duration
	Max metav1.Duration
}

// MatchSummary counts outbound calls by how they were matched.
type MatchSummary struct {
	Total    int64
	Exact    int64
	Denoised int64
	Missed   int64
	Percent  string
}

// GoalResult tells whether one goal holds.
type GoalResult struct {
	Name    string
	Passed  bool
	Message string
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficReplayList is a list of TrafficReplays.
type TrafficReplayList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []TrafficReplay
}
