// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "restage_forwarder"

var (
	streamsOpen = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "streams", StabilityLevel: metrics.ALPHA,
		Help: "Streams of proxies that are open.",
	})
	batches = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "batches_total", StabilityLevel: metrics.ALPHA,
		Help: "Batches of proxies by result: acknowledged, or failed, which are sent again.",
	}, []string{"result"})
)

func init() {
	legacyregistry.MustRegister(streamsOpen, batches)
}
