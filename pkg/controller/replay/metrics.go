// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const subsystem = "restage_controller"

var (
	verdicts = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "verdicts_total", StabilityLevel: metrics.ALPHA,
		Help: "Replays that have ended, by result: passed, failed, cancelled, none (nothing was to be judged) or error (it could not be judged).",
	}, []string{"result"})
	replayedRequests = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "replayed_requests_total", StabilityLevel: metrics.ALPHA,
		Help: "Requests that generators have replayed, counted when the replay ends, by result: same, differing from the recording, or failed.",
	}, []string{"result"})
)

func init() {
	legacyregistry.MustRegister(verdicts, replayedRequests)
}

// observeEnd counts a replay whose end has been written down.
func observeEnd(was, is *v1alpha1.TrafficReplay) {
	if isComplete(was) || !isComplete(is) {
		return
	}
	verdicts.WithLabelValues(result(is)).Inc()
	if s := is.Status.Summary; s != nil {
		replayedRequests.WithLabelValues("failed").Add(float64(s.Failed))
		replayedRequests.WithLabelValues("differing").Add(float64(s.Differing))
		replayedRequests.WithLabelValues("same").Add(float64(max(0, s.Requests-s.Failed-s.Differing)))
	}
}

func result(replay *v1alpha1.TrafficReplay) string {
	passed := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayPassed)
	switch {
	case passed.Status == metav1.ConditionTrue:
		return "passed"
	case passed.Status == metav1.ConditionUnknown:
		return "none"
	case passed.Reason == v1alpha1.ReasonCancelled:
		return "cancelled"
	case replay.Status.Summary == nil:
		return "error"
	}
	return "failed"
}
