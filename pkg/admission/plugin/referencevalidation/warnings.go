// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apiserver/pkg/warning"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// warnOfSnapshot warns of a snapshot that is not there yet, or that has nothing for a generator to send.
func warnOfSnapshot(ctx context.Context, snapshot *v1alpha1.TrafficSnapshot, sending bool) {
	path := specPath.Child("snapshotName")
	switch {
	case !meta.IsStatusConditionTrue(snapshot.Status.Conditions, v1alpha1.ConditionReady):
		reason := "it has no content yet"
		if ready := meta.FindStatusCondition(snapshot.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Message != "" {
			reason = ready.Message
		}
		warning.AddWarning(ctx, "", fmt.Sprintf("%s: TrafficSnapshot %q is not ready, and is waited for: %s", path, snapshot.Name, reason))
	case sending && snapshot.Status.Inbound == 0:
		warning.AddWarning(ctx, "", fmt.Sprintf("%s: TrafficSnapshot %q holds no inbound request, so there is nothing to replay", path, snapshot.Name))
	}
}

// warnOfTimeout warns when the recording takes longer than the replay may.
func warnOfTimeout(ctx context.Context, r *replay.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, profile *v1alpha1.ReplayProfile) {
	start, end := snapshot.Status.StartTime, snapshot.Status.EndTime
	if r.Spec.Mode == replay.ModeMocksOnly || r.Spec.Timeout == nil || start == nil || end == nil {
		return
	}
	speed, _ := lookup.Speed(r, profile)
	needed := time.Duration(float64(end.Sub(start.Time)) / speed)
	if timeout := r.Spec.Timeout.Duration; timeout < needed {
		warning.AddWarning(ctx, "", fmt.Sprintf("%s: %s is less than %s, the span of TrafficSnapshot %q at speed %v, so that not all of its requests may be sent",
			specPath.Child("timeout"), timeout, needed.Round(time.Millisecond), snapshot.Name, speed))
	}
}

// warnOfPorts warns of ports on which the workload may not listen.
func warnOfPorts(ctx context.Context, ports []int32, recorded *workload.Workload) {
	declared := injection.DeclaredPorts(recorded.Template.Spec)
	for i, port := range ports {
		if !slices.Contains(declared, port) {
			warning.AddWarning(ctx, "", fmt.Sprintf("%s: no container of %s %q declares port %d", specPath.Child("ports").Index(i), recorded.Kind.Kind, recorded.GetName(), port))
		}
	}
}
