// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package report holds the report of a replay: one JSON document that the generator writes, the forwarder keeps and
// trafficreplays/report serves. A Builder gathers what happened and reaches the verdict.
package report

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Schema is the version of the document. Fields may be added under the same version.
const Schema = "report.restage.dev/v1"

// Report is the result of one replay. All latencies are in seconds.
type Report struct {
	// Schema is always the constant Schema.
	Schema   string        `json:"schema"`
	Replay   wiring.Object `json:"replay"`
	Snapshot wiring.Object `json:"snapshot"`
	BuildTag string        `json:"buildTag,omitempty"`
	// Cluster is the name that the installation gives the cluster it is in; may be empty.
	Cluster string `json:"cluster,omitempty"`
	// StartTime is when the generator began, EndTime when it reached the verdict.
	StartTime time.Time `json:"startTime"`
	EndTime   time.Time `json:"endTime"`
	// Passed is true when the replay is valid and every goal holds.
	Passed bool `json:"passed"`
	// Reason is the first cause in one word: one of the Reason constants.
	Reason string `json:"reason"`
	// Message is the first cause in a sentence, for people.
	Message string `json:"message"`
	// Invalid says why the numbers prove nothing; a replay with an entry here never passes.
	Invalid []Invalid `json:"invalid,omitempty"`
	Summary Summary   `json:"summary"`
	// Endpoints are the replayed operations, by key and name; at most 200, the rest is one named (other).
	Endpoints []Endpoint `json:"endpoints"`
	// Differences are what the replay shows that the recording does not: at most 20 an endpoint and 1000 in all.
	Differences []Difference `json:"differences,omitempty"`
	// DifferencesLeftOut counts those beyond these bounds.
	DifferencesLeftOut int64 `json:"differencesLeftOut,omitempty"`
	// Outbound is absent when there was no environment.
	Outbound *Outbound `json:"outbound,omitempty"`
	Lateness Lateness  `json:"lateness"`
	// Egress are the counters of each proxy of the environment, which prove the isolation.
	Egress []ProxyEgress `json:"egress,omitempty"`
	// Noise are the fields that were not compared because the recorded answers to the same request differ in them;
	// at most 1000.
	Noise []compare.NoiseField `json:"noise,omitempty"`
	// NoiseLeftOut counts those beyond this bound.
	NoiseLeftOut int64 `json:"noiseLeftOut,omitempty"`
	// Skipped are the recorded requests that were not replayed, by reason.
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Reasons of a verdict.
const (
	ReasonGoalsHold            = "GoalsHold"
	ReasonGoalsFailed          = "GoalsFailed"
	ReasonTimeout              = "Timeout"
	ReasonLate                 = "InvalidLate"                // the generator could not keep the pace
	ReasonNothingReplayed      = "InvalidNothingReplayed"     // no record could be replayed
	ReasonTargetUnreachable    = "InvalidTargetUnreachable"   // a target accepted no connection before the start
	ReasonResponderRestarted   = "InvalidResponderRestarted"  // the dependencies were not played by one process
	ReasonResponderUnreachable = "InvalidResponderUnreadable" // its counters could not be read
	ReasonNoProofOfIsolation   = "InvalidNoProofOfIsolation"  // no proxy reported its counters
	ReasonGeneratorError       = "InvalidGeneratorError"      // the generator itself failed
	ReasonInterrupted          = "InvalidInterrupted"         // the generator was told to stop
)

// Invalid is one reason why a replay proves nothing.
type Invalid struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Summary is what goals speak of, and their outcome.
type Summary struct {
	goal.Summary
	Goals []GoalResult `json:"goals"`
}

// GoalResult tells whether one goal holds.
type GoalResult struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
	Passed     bool   `json:"passed"`
	// Message says why it does not.
	Message string `json:"message,omitempty"`
}

// Endpoint is one operation of one tested slice.
type Endpoint struct {
	Key string `json:"key"`
	// Operation is the method and the path, identifiers in it replaced by {}.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	Requests  int64  `json:"requests"`
	Failed    int64  `json:"failed"`
	Differing int64  `json:"differing"`
	// Statuses count the pairs of recorded and replayed status, by number.
	Statuses []StatusPair `json:"statuses"`
	Recorded goal.Latency `json:"recorded"`
	Replayed goal.Latency `json:"replayed"`
}

// StatusPair counts exchanges by status; 0 means that there was no response.
type StatusPair struct {
	Recorded int   `json:"recorded"`
	Replayed int   `json:"replayed"`
	Count    int64 `json:"count"`
}

// Difference is one place in which one replayed response differs from the recorded one.
type Difference struct {
	// Record is the id of the record.
	Record string `json:"record"`
	Key    string `json:"key"`
	// Operation is the one of the record, with the whole path.
	Operation string `json:"operation"`
	compare.Difference
}

// Outbound is what the workloads called.
type Outbound struct {
	// Calls by slice key.
	Calls []OutboundCalls `json:"calls"`
	// Missed are calls that the recording does not hold, at most 1000.
	Missed []MissedCall `json:"missed,omitempty"`
	// MissedLeftOut counts those beyond this bound.
	MissedLeftOut int64 `json:"missedLeftOut,omitempty"`
	// Unused is the number of recorded calls that were never made.
	Unused int64 `json:"unused"`
	// Untold is the number of calls whose outcome the responder did not keep: they are counted in the
	// summary, but not under Calls and Missed.
	Untold int64 `json:"untold,omitempty"`
	// Before is the number of calls that were made before the first request, as by workloads that start, or in an earlier
	// replay in the same environment. They are not judged, and counted nowhere else.
	Before int64 `json:"before,omitempty"`
}

// OutboundCalls counts the calls to one dependency by how they were matched.
type OutboundCalls struct {
	Key      string `json:"key"`
	Exact    int64  `json:"exact"`
	Denoised int64  `json:"denoised"`
	Missed   int64  `json:"missed"`
}

// MissedCall is a call that the recording does not hold.
type MissedCall struct {
	Time        time.Time `json:"time"`
	Key         string    `json:"key"`
	Operation   string    `json:"operation"`
	Explanation string    `json:"explanation,omitempty"`
}

// ProxyEgress are the counters of one proxy process.
type ProxyEgress struct {
	Pod       string `json:"pod"`
	Instance  string `json:"instance"`
	Attempted int64  `json:"attempted"`
	Answered  int64  `json:"answered"`
	Refused   int64  `json:"refused"`
	// Dropped are packets, of other protocols than TCP, that the rules of the pod kept in.
	Dropped      int64    `json:"dropped"`
	RefusedNames []string `json:"refusedNames,omitempty"`
}

// Skipped are recorded requests that were not replayed.
type Skipped struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
	// Records are the ids of the first of them, at most 20.
	Records []string `json:"records"`
}

// Encode writes the document.
func (r *Report) Encode() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("writing report: %w", err)
	}
	return data, nil
}

// Decode reads a document that Encode wrote. A document of another schema is an error.
func Decode(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("reading report: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("reading report: schema is %q; %q is supported", r.Schema, Schema)
	}
	return &r, nil
}
