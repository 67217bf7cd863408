// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Reasons of conditions. Those of a verdict that the generator reached are the report's.
const (
	reasonPreparing      = "Preparing"
	reasonEnded          = "Ended"
	reasonNoSnapshot     = "SnapshotNotFound"
	reasonSnapshot       = "SnapshotNotReady"
	reasonEmptySnapshot  = "EmptySnapshot"
	reasonNoProfile      = "ProfileNotFound"
	reasonNoEnvironment  = "EnvironmentNotFound"
	reasonTaken          = "NameTaken"
	reasonEnvRefused     = "EnvironmentRefused"
	reasonEnvGone        = "EnvironmentGone"
	reasonEnvFailed      = "EnvironmentFailed"
	reasonEnvPending     = "EnvironmentNotReady"
	reasonInvalid        = "InvalidSettings"
	reasonGenerator      = "GeneratorFailed"
	reasonStarting       = "GeneratorStarting"
	reasonReplaying      = "Replaying"
	reasonServing        = "ServingMocks"
	reasonTimeout        = "Timeout"
	reasonNotJudged      = "NotJudged"
	reasonRestoring      = "Restoring"
	reasonRestored       = "Restored"
	reasonKept           = "Kept"
	maxConditionMessage  = 32 << 10 // of metav1.Condition
	conditionMessageTail = "…"
)

// ending is how a replay ended. Only a report that says so makes passed true.
type ending struct {
	passed  metav1.ConditionStatus
	reason  string
	message string
	summary *v1alpha1.ReplaySummary
}

// failed is an ending without a report.
func failed(reason, message string) *ending {
	return &ending{passed: metav1.ConditionFalse, reason: reason, message: message}
}

// cancelled is the ending of a replay whose end somebody asked for; nil when nobody did.
func cancelled(replay *v1alpha1.TrafficReplay) *ending {
	request := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayCancelRequested)
	if request == nil || request.Status != metav1.ConditionTrue {
		return nil
	}
	return failed(v1alpha1.ReasonCancelled, request.Message)
}

// end writes the ending down. From now on only the clearing up changes the status.
func (r *Reconciler) end(replay *v1alpha1.TrafficReplay, e *ending) {
	if e.summary != nil {
		replay.Status.Summary = e.summary
		replay.Status.Progress = finalProgress(e.summary, replay.Status.Progress)
	}
	replay.Status.CompletionTime = &metav1.Time{Time: r.Clock.Now().Truncate(time.Second)}
	set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonEnded, "the replay has ended")
	set(replay, v1alpha1.ReplayPassed, e.passed, e.reason, e.message)
	set(replay, v1alpha1.ReplayComplete, metav1.ConditionTrue, e.reason, e.message)
	set(replay, v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonRestoring, "what the replay made is still there")
}

// finalProgress counts what the report counts, since a short replay ends before its progress was ever read.
func finalProgress(summary *v1alpha1.ReplaySummary, former *v1alpha1.ReplayProgress) *v1alpha1.ReplayProgress {
	p := &v1alpha1.ReplayProgress{Sent: summary.Requests, Total: summary.Requests, Errors: summary.Failed}
	if former != nil {
		p.Total = max(p.Total, former.Total)
	}
	if p.Total > 0 {
		p.Percent = int32(100 * p.Sent / p.Total)
	}
	return p
}

// overdue ends a replay whose time is up; nil as long as it is not. A replay of mocks alone ends so
// without a verdict, since nothing was replayed that could be judged.
func (r *Reconciler) overdue(replay *v1alpha1.TrafficReplay, err error) *ending {
	limit := deadline(replay)
	running := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRunning)
	if replay.Spec.Mode != v1alpha1.ModeMocksOnly && hasGenerator(running) {
		limit = limit.Add(grace)
	}
	if r.Clock.Now().Before(limit) {
		return nil
	}
	message := "the replay did not end within " + timeout(replay).String()
	switch {
	case replay.Spec.Mode == v1alpha1.ModeMocksOnly && meta.IsStatusConditionTrue(replay.Status.Conditions, v1alpha1.ReplayRunning):
		return &ending{passed: metav1.ConditionUnknown, reason: reasonNotJudged,
			message: "the mocks were served for " + timeout(replay).String() + "; in mode MocksOnly there is no verdict"}
	case err != nil:
		message += ": " + err.Error()
	case running != nil:
		message += ": " + running.Message
	}
	return failed(reasonTimeout, message)
}

// hasGenerator tells whether the Job of the replay was made, from the condition that says so.
func hasGenerator(running *metav1.Condition) bool {
	return running != nil && (running.Reason == reasonStarting || running.Reason == reasonReplaying)
}

func deadline(replay *v1alpha1.TrafficReplay) time.Time {
	return replay.Status.StartTime.Add(timeout(replay))
}

func timeout(replay *v1alpha1.TrafficReplay) time.Duration {
	return ptr.Deref(replay.Spec.Timeout, metav1.Duration{Duration: v1alpha1.DefaultReplayTimeout}).Duration
}

func isComplete(replay *v1alpha1.TrafficReplay) bool {
	return meta.IsStatusConditionTrue(replay.Status.Conditions, v1alpha1.ReplayComplete)
}

func set(replay *v1alpha1.TrafficReplay, kind string, status metav1.ConditionStatus, reason, message string) {
	if len(message) > maxConditionMessage {
		message = message[:maxConditionMessage-len(conditionMessageTail)] + conditionMessageTail
	}
	meta.SetStatusCondition(&replay.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: replay.Generation,
	})
}
