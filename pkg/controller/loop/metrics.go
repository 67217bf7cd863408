// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/workqueue" // depth, latency and retries of the queues
)

var reconcileDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{
	Subsystem: "restage_controller", Name: "reconcile_duration_seconds", StabilityLevel: metrics.ALPHA,
	Help:    "How long reconciliations took, by controller and result (success or error).",
	Buckets: metrics.ExponentialBuckets(0.001, 4, 9),
}, []string{"controller", "result"})

func init() {
	legacyregistry.MustRegister(reconcileDuration)
}

func observe(name string, began time.Time, err error) {
	result := "success"
	if err != nil {
		result = "error"
	}
	reconcileDuration.WithLabelValues(name, result).Observe(time.Since(began).Seconds())
}
