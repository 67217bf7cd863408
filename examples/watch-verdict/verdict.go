// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Verdict is the exit code.
type Verdict int

const (
	Passed      Verdict = 0
	Failed      Verdict = 1 // a goal does not hold
	CouldNotRun Verdict = 2 // there is nothing to judge, or it was not judged
)

// reasonGoalsFailed is the reason of the condition Passed when the replay ran and a goal does not hold.
const reasonGoalsFailed = "GoalsFailed"

// verdictOf returns the verdict once the replay has ended.
func verdictOf(replay *v1alpha1.TrafficReplay) (verdict Verdict, ended bool) {
	conditions := replay.Status.Conditions
	if !meta.IsStatusConditionTrue(conditions, v1alpha1.ReplayComplete) {
		return CouldNotRun, false
	}
	passed := meta.FindStatusCondition(conditions, v1alpha1.ReplayPassed)
	switch {
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ReplayPassed):
		return Passed, true
	case passed != nil && passed.Reason == reasonGoalsFailed:
		return Failed, true
	}
	return CouldNotRun, true
}

// describe says in a line how far a replay is.
func describe(replay *v1alpha1.TrafficReplay) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", replay.Name)
	verdict, ended := verdictOf(replay)
	if !ended {
		progress(&b, replay)
		return b.String()
	}
	b.WriteString(map[Verdict]string{Passed: "passed", Failed: "failed", CouldNotRun: "could not run"}[verdict])
	if complete := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayComplete); complete.Message != "" {
		fmt.Fprintf(&b, ": %s", complete.Message)
	}
	if s := replay.Status.Summary; s != nil {
		fmt.Fprintf(&b, " (%d requests, %d failed, %d differing)", s.Requests, s.Failed, s.Differing)
	}
	return b.String()
}

func progress(b *strings.Builder, replay *v1alpha1.TrafficReplay) {
	running := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRunning)
	switch p := replay.Status.Progress; {
	case p != nil:
		fmt.Fprintf(b, "%d%%, %d of %d requests, %d without a response", p.Percent, p.Sent, p.Total, p.Errors)
	case running != nil && running.Message != "":
		b.WriteString(running.Message)
	default:
		b.WriteString("waiting to be taken up")
	}
}
