// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestPhase(t *testing.T) {
	running := metav1.Condition{Type: replay.ReplayRunning, Status: metav1.ConditionTrue}
	complete := metav1.Condition{Type: replay.ReplayComplete, Status: metav1.ConditionTrue}
	passed := func(status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: replay.ReplayPassed, Status: status, Reason: reason}
	}
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		want       replay.ReplayPhase
	}{
		"new":                   {nil, replay.PhasePending},
		"taken up":              {[]metav1.Condition{passed(metav1.ConditionUnknown, "Preparing")}, replay.PhasePending},
		"running":               {[]metav1.Condition{running}, replay.PhaseRunning},
		"ended while running":   {[]metav1.Condition{running, complete, passed(metav1.ConditionTrue, "GoalsHold")}, replay.PhasePassed},
		"goals fail":            {[]metav1.Condition{complete, passed(metav1.ConditionFalse, "GoalsFailed")}, replay.PhaseFailed},
		"cancelled":             {[]metav1.Condition{complete, passed(metav1.ConditionFalse, "Cancelled")}, replay.PhaseCancelled},
		"out of time":           {[]metav1.Condition{complete, passed(metav1.ConditionFalse, "Timeout")}, replay.PhaseError},
		"mocks alone":           {[]metav1.Condition{complete, passed(metav1.ConditionUnknown, "NotJudged")}, replay.PhaseEnded},
		"ended without verdict": {[]metav1.Condition{complete}, replay.PhaseError},
	} {
		if got := phase(test.conditions); got != test.want {
			t.Errorf("%s: phase %s, want %s", name, got, test.want)
		}
	}
}
