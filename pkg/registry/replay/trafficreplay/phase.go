// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/report"
)

// phase sums up the conditions. They remain what programs should read: a replay that ended for another reason
// than its goals is an error, whichever the reason was.
func phase(conditions []metav1.Condition) replay.ReplayPhase {
	if !meta.IsStatusConditionTrue(conditions, replay.ReplayComplete) {
		if meta.IsStatusConditionTrue(conditions, replay.ReplayRunning) {
			return replay.PhaseRunning
		}
		return replay.PhasePending
	}
	passed := meta.FindStatusCondition(conditions, replay.ReplayPassed)
	switch {
	case passed == nil:
		return replay.PhaseError
	case passed.Status == metav1.ConditionTrue:
		return replay.PhasePassed
	case passed.Status == metav1.ConditionUnknown:
		return replay.PhaseEnded
	case passed.Reason == report.ReasonGoalsFailed:
		return replay.PhaseFailed
	case passed.Reason == replay.ReasonCancelled:
		return replay.PhaseCancelled
	default:
		return replay.PhaseError
	}
}
