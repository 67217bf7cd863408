// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// logSource is who says so in the log of a run.
	logSource  = "controller"
	logTimeout = 3 * time.Second
)

// log adds to the log of the run what has changed in the status, which was just written. It is for people, so that what the
// forwarder does not take is lost; whoever follows the log finds its end in the status then.
func (r *Reconciler) log(ctx context.Context, was, is *v1alpha1.TrafficReplay) {
	lines := r.steps(was, is)
	last := isOver(is) && !isOver(was)
	if len(lines) == 0 && !last {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	_, err := r.Forwarder.AppendLog(ctx, &trafficpb.AppendLogRequest{Replay: objectRef(is), Lines: lines, Last: last})
	if err != nil {
		klog.FromContext(ctx).Info("The log of the run lacks steps", "steps", len(lines), "reason", err.Error())
	}
}

// steps are the lines about the conditions that are not as they were. At first only the beginning is worth a line.
func (r *Reconciler) steps(was, is *v1alpha1.TrafficReplay) (lines []*trafficpb.LogLine) {
	say := func(format string, arguments ...any) {
		lines = append(lines, &trafficpb.LogLine{Time: r.Clock.Now().UnixNano(), Source: logSource, Text: fmt.Sprintf(format, arguments...)})
	}
	if was.Status.StartTime == nil && is.Status.StartTime != nil {
		say("the replay of TrafficSnapshot %q was taken up", is.Spec.SnapshotName)
		return lines
	}
	for _, kind := range []string{ // in the order of a replay's life
		v1alpha1.ReplayCancelRequested, v1alpha1.ReplayEnvironmentReady, v1alpha1.ReplayRunning, v1alpha1.ReplayComplete,
		v1alpha1.ReplayPassed, v1alpha1.ReplayRestored,
	} {
		condition, before := meta.FindStatusCondition(is.Status.Conditions, kind), meta.FindStatusCondition(was.Status.Conditions, kind)
		if condition == nil {
			continue
		}
		if before == nil || before.Status != condition.Status || before.Reason != condition.Reason {
			say("%s is %s, %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message)
		}
	}
	return lines
}

// isOver tells whether nothing more happens to a replay but its deletion.
func isOver(replay *v1alpha1.TrafficReplay) bool {
	restored := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRestored)
	return isComplete(replay) && restored != nil && (restored.Reason == reasonRestored || restored.Reason == reasonKept)
}
