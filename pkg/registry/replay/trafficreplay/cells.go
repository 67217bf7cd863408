// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

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
		p99 = report.ReadableLatency(s.Replayed.P99.Duration)
		escaped = fmt.Sprint(s.Egress.Escaped)
	}
	return []any{
		r.Spec.SnapshotName, progress, verdict(r), requests, differing, match, p99,
		string(r.Spec.Mode), resource.Or(r.Spec.ProfileName), resource.Or(r.Spec.BuildTag), resource.Or(r.Status.EnvironmentName), escaped,
	}
}

// verdict is the phase, with the reason of an error.
func verdict(r *replay.TrafficReplay) string {
	passed := meta.FindStatusCondition(r.Status.Conditions, replay.ReplayPassed)
	if r.Status.Phase == replay.PhaseError && passed != nil {
		return string(r.Status.Phase) + ": " + passed.Reason
	}
	return string(r.Status.Phase)
}
