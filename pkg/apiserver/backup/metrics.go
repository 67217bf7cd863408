// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "restage_apiserver_backup"

var (
	backups = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "total", StabilityLevel: metrics.ALPHA,
		Help: "Scheduled backups of the store, by result.",
	}, []string{"result"})
	lastSuccess = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "last_success_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When the newest backup of the store was taken, by whichever replica, in seconds since 1970. Alert when it is older than twice --backup-interval.",
	})
	lastSize = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "size_bytes", StabilityLevel: metrics.ALPHA,
		Help: "Size of the newest backup that this server has taken.",
	})
	duration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "How long scheduled backups of the store took.", Buckets: metrics.ExponentialBuckets(0.1, 3, 9),
	})
)

func init() {
	legacyregistry.MustRegister(backups, lastSuccess, lastSize, duration)
}
