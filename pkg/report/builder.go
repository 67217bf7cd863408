// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	maxNoise          = 1000
	maxSkippedRecords = 20
	maxMissed         = 1000
)

// Builder gathers what happens in a replay. It is used by one goroutine.
type Builder struct {
	report             Report
	goals              []wiring.GoalSetting
	recorded, replayed histogram
	lateness           lateness
	endpoints          endpoints
	matches            goal.Matches
}

// NewBuilder begins the report of a replay at a time. Without goals in the settings the default ones hold.
func NewBuilder(settings *wiring.ReplaySettings, start time.Time) *Builder {
	b := &Builder{
		goals:    settings.Goals,
		recorded: newHistogram(), replayed: newHistogram(), lateness: newLateness(), endpoints: newEndpoints(),
		report: Report{
			Schema: Schema, Replay: settings.Replay, Snapshot: settings.Snapshot, BuildTag: settings.BuildTag, Cluster: settings.Cluster, StartTime: start,
		},
	}
	if len(b.goals) == 0 {
		b.goals = DefaultGoals(settings.Control != "")
	}
	return b
}

// Exchange is one replayed request.
type Exchange struct {
	Record, Key string
	// Operation is that of compare.Operation; RecordedOperation has the whole path.
	Operation, RecordedOperation, Method string
	// Statuses are 0 where there is a failure.
	RecordedStatus, ReplayedStatus int
	// Failures say why there was no response, and are empty where there was one.
	RecordedFailure, ReplayedFailure string
	// Recorded is from the first byte of the request to the last of the response, 0 when that is unknown; Replayed is from
	// the intended start to the last byte of the response, or until there was certainly none.
	Recorded, Replayed time.Duration
	// Released and Sent are the lateness, see Lateness.
	Released, Sent time.Duration
	// Result is what differs when there are two responses.
	Result compare.Result
}

// failed tells of a request that got no response though the recording has one.
func (x *Exchange) failed() bool {
	return x.ReplayedFailure != "" && x.RecordedFailure == ""
}

// differences of the responses, or between a response and none.
func (x *Exchange) differences() []compare.Difference {
	if (x.ReplayedFailure == "") == (x.RecordedFailure == "") {
		return x.Result.Differences
	}
	return []compare.Difference{compare.NewDifference("response", compare.KindFailure,
		outcome(x.RecordedStatus, x.RecordedFailure), outcome(x.ReplayedStatus, x.ReplayedFailure))}
}

// Add counts one replayed request.
func (b *Builder) Add(x *Exchange) {
	b.report.Summary.Requests++
	differences := x.differences()
	switch {
	case x.failed():
		b.report.Summary.Failed++
	case len(differences) > 0:
		b.report.Summary.Differing++
	}
	if x.Recorded > 0 {
		b.recorded.add(x.Recorded)
	}
	b.replayed.add(x.Replayed)
	b.lateness.add(x.Released, x.Sent)
	e := b.endpoints.find(x)
	e.add(x, len(differences) > 0)
	for _, d := range differences {
		if e.listed == maxDifferencesPerEndpoint || len(b.report.Differences) == maxDifferences {
			b.report.DifferencesLeftOut++
			continue
		}
		e.listed++
		b.report.Differences = append(b.report.Differences, Difference{
			Record: x.Record, Key: x.Key, Operation: x.RecordedOperation, Difference: d,
		})
	}
	b.report.DifferencesLeftOut += int64(x.Result.LeftOut)
}

// Skip counts a recorded request that is not replayed.
func (b *Builder) Skip(reason, record string) {
	b.report.Summary.Skipped++
	i := slices.IndexFunc(b.report.Skipped, func(s Skipped) bool { return s.Reason == reason })
	if i < 0 {
		i = len(b.report.Skipped)
		b.report.Skipped = append(b.report.Skipped, Skipped{Reason: reason})
	}
	s := &b.report.Skipped[i]
	s.Count++
	if len(s.Records) < maxSkippedRecords {
		s.Records = append(s.Records, record)
	}
}

// Invalidate says why the replay proves nothing. The first reason is the one that the verdict names.
func (b *Builder) Invalidate(reason, message string) {
	b.report.Invalid = append(b.report.Invalid, Invalid{Reason: reason, Message: message})
}

// SetNoise lists the fields that are not compared.
func (b *Builder) SetNoise(fields []compare.NoiseField) {
	b.report.Noise = fields[:min(len(fields), maxNoise)]
	b.report.NoiseLeftOut = int64(len(fields) - len(b.report.Noise))
}

// SetMatches sets the responder's own counts of the calls since the start, of those before, and of the recorded
// calls that were never made; the percentage is computed.
func (b *Builder) SetMatches(m goal.Matches, before, unused int64) {
	b.matches = m
	b.outbound().Before = before
	b.outbound().Unused = unused
}

// SetEgress sets the counters of the proxies. Every connection that is neither answered nor refused has escaped, as far as
// anybody can tell. internal is the number of those among the answered ones that the responder led to copies of other workloads.
func (b *Builder) SetEgress(proxies []ProxyEgress, internal int64) {
	b.report.Egress = proxies
	sum := goal.Egress{Internal: internal}
	for _, p := range proxies {
		sum.Attempted += p.Attempted
		sum.Answered += p.Answered
		sum.Refused += p.Refused
		sum.Dropped += p.Dropped
		sum.Escaped += max(p.Attempted-p.Answered-p.Refused, 0)
	}
	b.report.Summary.Egress = sum
}

// Report ends the gathering, judges, and returns the report.
func (b *Builder) Report(end time.Time) *Report {
	r := b.report
	r.EndTime = end
	r.Lateness = b.lateness.result()
	r.Endpoints = b.endpoints.results()
	r.Summary.Recorded, r.Summary.Replayed = b.recorded.latency(), b.replayed.latency()
	r.Summary.Matches = b.matches
	r.Summary.Matches.Percent = 100
	if o := r.Outbound; o != nil {
		o.Untold = max(b.matches.Total-o.told(), 0)
	}
	if m := b.matches; m.Total > 0 {
		r.Summary.Matches.Percent = 100 * float64(m.Total-m.Missed) / float64(m.Total)
	}
	if late, is := r.Lateness.invalid(); is {
		r.Invalid = append(r.Invalid, late)
	}
	if r.Summary.Requests == 0 && len(r.Invalid) == 0 {
		r.Invalid = append(r.Invalid, nothingReplayed(&r))
	}
	r.judge(b.goals)
	return &r
}
