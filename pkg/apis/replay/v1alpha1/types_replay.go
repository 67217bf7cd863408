// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +genclient
// +genclient:method=Cancel,verb=create,subresource=cancel,input=ReplayCancellation,result=ReplayCancellation
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
	Status TrafficReplayStatus `json:"status,omitempty"`
}

// ReplayMode says which halves of a replay run.
// +enum
// +k8s:enum
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
// +enum
// +k8s:enum
type CleanupPolicy string

const (
	// CleanupRestore deletes everything that the replay made.
	CleanupRestore CleanupPolicy = "Restore"
	// CleanupKeep leaves the environment in place until the replay is deleted.
	CleanupKeep CleanupPolicy = "Keep"
)

// TrafficReplaySpec says what to replay, where, and how to judge it. It is immutable.
type TrafficReplaySpec struct {
	// snapshotName names the TrafficSnapshot, in the same namespace.
	// +k8s:required
	// +k8s:format=k8s-long-name
	SnapshotName string `json:"snapshotName"`
	// mode says which halves run: Full, the default, MocksOnly or LoadOnly.
	// +optional
	// +k8s:optional
	Mode ReplayMode `json:"mode,omitempty"`
	// environment says where to replay: a standing environment by name, or the settings of one that is made for this replay.
	// Not with target. Default is one made for this replay.
	// +optional
	// +k8s:optional
	Environment *ReplayEnvironment `json:"environment,omitempty"`
	// target is a running system to replay against instead of an environment. Required by, and only with, the mode LoadOnly.
	// +optional
	// +k8s:optional
	Target *ReplayTarget `json:"target,omitempty"`
	// workloads are copied into the environment that is made for this replay. When empty, this is the
	// workload of the snapshot. Not with a standing environment or target.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:unique=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=32
	Workloads []EnvironmentWorkload `json:"workloads,omitempty"`
	// profileName names a ReplayProfile in the same namespace.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	ProfileName string `json:"profileName,omitempty"`
	// profile holds settings that take precedence, field by field, over those of the named profile.
	// +optional
	// +k8s:optional
	Profile *ReplayProfileSpec `json:"profile,omitempty"`
	// timeout is how long the replay may take from start to verdict. Default 10m. Must be positive.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// ttlAfterFinished deletes the replay this long after it has ended. Never when absent. Must not be negative.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	TTLAfterFinished *metav1.Duration `json:"ttlAfterFinished,omitempty"`
	// cleanup says what becomes of the environment at the end: Restore, the default, or Keep.
	// +optional
	// +k8s:optional
	Cleanup CleanupPolicy `json:"cleanup,omitempty"`
	// buildTag names the build under test, for the report.
	// +optional
	// +k8s:optional
	// +k8s:maxLength=253
	BuildTag string `json:"buildTag,omitempty"`
}

// ReplayEnvironment is a standing environment or the settings of a new one.
type ReplayEnvironment struct {
	// name of a standing Environment in the same namespace. Exclusive with template.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:format=k8s-long-name
	Name string `json:"name,omitempty"`
	// template holds the settings of the environment that is made for this replay.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	Template *ReplayEnvironmentTemplate `json:"template,omitempty"`
}

// ReplayEnvironmentTemplate holds the settings of an environment that is made for a replay.
type ReplayEnvironmentTemplate struct {
	// className names the EnvironmentClass. The default class is taken when it is empty.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	ClassName string `json:"className,omitempty"`
}

// ReplayTarget is a running system to replay against.
type ReplayTarget struct {
	// url of the system, http://host[:port]. A path is not allowed: paths come from the recording.
	// +k8s:required
	// +k8s:maxLength=2048
	URL string `json:"url"`
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
	// ReasonControllerRemoved is that of Complete and Passed of a replay whose controller was uninstalled meanwhile.
	ReasonControllerRemoved = "ControllerRemoved"
)

// ReplayPhase tells in a word how a replay stands.
// +enum
type ReplayPhase string

const (
	// PhasePending is a replay of which no request has been sent.
	PhasePending ReplayPhase = "Pending"
	// PhaseRunning is a replay whose requests are being sent, or whose mocks are being served.
	PhaseRunning ReplayPhase = "Running"
	// PhasePassed is a replay that has ended and whose goals all hold.
	PhasePassed ReplayPhase = "Passed"
	// PhaseFailed is a replay that has ended and of whose goals some do not hold.
	PhaseFailed ReplayPhase = "Failed"
	// PhaseEnded is a replay that has ended as it should and has no verdict, as in the mode MocksOnly.
	PhaseEnded ReplayPhase = "Ended"
	// PhaseCancelled is a replay that was ended on request.
	PhaseCancelled ReplayPhase = "Cancelled"
	// PhaseError is a replay that could not be judged; the condition Passed has the reason.
	PhaseError ReplayPhase = "Error"
)

// TrafficReplayStatus says how far a replay is and what came of it.
type TrafficReplayStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// phase tells in a word how the replay stands: Pending, Running, Passed, Failed, Ended without a verdict (MocksOnly),
	// Cancelled or Error. The server derives it from the conditions; what a client writes here is replaced.
	// +optional
	Phase ReplayPhase `json:"phase,omitempty"`
	// conditions: EnvironmentReady, Running, Complete, Passed, Restored and CancelRequested.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +k8s:optional
	// +k8s:eachVal=+k8s:opaqueType
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// environmentName names the environment that is used.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	EnvironmentName string `json:"environmentName,omitempty"`
	// progress of the load.
	// +optional
	// +k8s:optional
	Progress *ReplayProgress `json:"progress,omitempty"`
	// summary of the result, when the replay has ended.
	// +optional
	// +k8s:optional
	Summary *ReplaySummary `json:"summary,omitempty"`
	// startTime is when the controller took up the replay.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// completionTime is when the replay ended.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// ReplayProgress is the progress of the load.
type ReplayProgress struct {
	// sent is the number of requests sent so far.
	// +k8s:optional
	// +k8s:minimum=0
	Sent int64 `json:"sent"`
	// total is the number of requests to send.
	// +k8s:optional
	// +k8s:minimum=0
	Total int64 `json:"total"`
	// percent of requests sent, 0 to 100.
	// +k8s:optional
	// +k8s:minimum=0
	// +k8s:maximum=100
	Percent int32 `json:"percent"`
	// rate is the number of requests sent in the last second.
	// +k8s:optional
	// +k8s:minimum=0
	Rate int64 `json:"rate"`
	// errors is the number of requests without a response so far.
	// +k8s:optional
	// +k8s:minimum=0
	Errors int64 `json:"errors"`
}

// ReplaySummary is the result of a replay in numbers.
type ReplaySummary struct {
	// requests is the number of requests that were replayed.
	// +k8s:optional
	// +k8s:minimum=0
	Requests int64 `json:"requests"`
	// failed is the number of requests that got no response.
	// +k8s:optional
	// +k8s:minimum=0
	Failed int64 `json:"failed"`
	// differing is the number of responses that differ from the recording.
	// +k8s:optional
	// +k8s:minimum=0
	Differing int64 `json:"differing"`
	// skipped is the number of recorded requests that were not replayed because their record is incomplete.
	// +k8s:optional
	// +k8s:minimum=0
	Skipped int64 `json:"skipped"`
	// recorded are the latencies in the recording.
	// +optional
	Recorded LatencySummary `json:"recorded,omitempty"`
	// replayed are the latencies in the replay, from the intended start of each request.
	// +optional
	Replayed LatencySummary `json:"replayed,omitempty"`
	// matches counts the outbound calls by how they were matched.
	// +optional
	Matches MatchSummary `json:"matches,omitempty"`
	// egress counts the connections that the workloads tried to make.
	// +optional
	Egress EgressCounts `json:"egress,omitempty"`
	// goals and whether they hold.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	Goals []GoalResult `json:"goals,omitempty"`
}

// LatencySummary are percentiles of latency.
type LatencySummary struct {
	// p50 is the median.
	// +k8s:opaqueType
	P50 metav1.Duration `json:"p50"`
	// p90 is the 90th percentile.
	// +k8s:opaqueType
	P90 metav1.Duration `json:"p90"`
	// p99 is the 99th percentile.
	// +k8s:opaqueType
	P99 metav1.Duration `json:"p99"`
	// max is the longest.
	// +k8s:opaqueType
	Max metav1.Duration `json:"max"`
}

// MatchSummary counts outbound calls by how they were matched.
type MatchSummary struct {
	// total is the number of outbound calls.
	// +k8s:optional
	// +k8s:minimum=0
	Total int64 `json:"total"`
	// exact is the number of calls equal to a recorded one.
	// +k8s:optional
	// +k8s:minimum=0
	Exact int64 `json:"exact"`
	// denoised is the number of calls equal to a recorded one but for volatile fields.
	// +k8s:optional
	// +k8s:minimum=0
	Denoised int64 `json:"denoised"`
	// missed is the number of calls that the recording does not hold.
	// +k8s:optional
	// +k8s:minimum=0
	Missed int64 `json:"missed"`
	// percent of calls that were matched, 0 to 100 with two decimals, as a string.
	// +optional
	Percent string `json:"percent,omitempty"`
}

// GoalResult tells whether one goal holds.
type GoalResult struct {
	// name of the goal.
	// +k8s:required
	// +k8s:format=k8s-label-key
	Name string `json:"name"`
	// passed is true when the goal holds.
	Passed bool `json:"passed"`
	// message says why it does not.
	// +optional
	Message string `json:"message,omitempty"`
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
