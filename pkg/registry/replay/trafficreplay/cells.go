// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/resource"
	"github.com/restage-dev/restage/pkg/report"
)

func cells(r *replay.TrafficReplay) []any {
	progress := resource.None
	if p := r.Status.Progress; p != nil {
		progress = fmt.Sprintf("%d%%", p.Percent)
	}
	requests, differing, match, p99, escaped := resource.None, resource.None, resource.None, resource.None, resource.None
	if s := r.Status.Summary; s != nil {
		requests, differing = fmt.Sprint(s.Requests), fmt.Sprint(s.Differing)
		match = resource.Percent(s.Matches.Percent)
		p99 = latency(s.Replayed.P99.Duration)
		escaped = fmt.Sprint(s.Egress.Escaped)
	}
	return []any{
		r.Spec.SnapshotName, progress, verdict(r.Status.Conditions), requests, differing, match, p99,
		resource.Or(r.Status.EnvironmentName), escaped,
	}
}

// verdict tells in a word how a replay stands. A replay that ended for another reason than its goals is an error.
func verdict(conditions []metav1.Condition) string {
	if meta.IsStatusConditionTrue(conditions, replay.ReplayComplete) {
		passed := meta.FindStatusCondition(conditions, replay.ReplayPassed)
		switch {
		case passed == nil:
			return "Error"
		case passed.Status == metav1.ConditionTrue:
			return "Passed"
		case passed.Reason == report.ReasonGoalsFailed:
			return "Failed"
		default:
			return "Error: " + passed.Reason
		}
	}
	if meta.IsStatusConditionTrue(conditions, replay.ReplayRunning) {
		return "Running"
	}
	return "Pending"
}

// latency writes three digits or so: 1.23s, 45.6ms, 789µs.
func latency(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
