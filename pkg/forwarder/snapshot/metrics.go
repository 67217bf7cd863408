// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// How snapshots come about.
const (
	sourceCut    = "cut"
	sourceUpload = "upload"
)

var buildDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{
	Subsystem: "restage_forwarder", Name: "snapshot_build_duration_seconds", StabilityLevel: metrics.ALPHA,
	Help:    "How long it took to make a snapshot, by source (cut or upload) and result (success or error).",
	Buckets: metrics.ExponentialBuckets(0.1, 3, 9),
}, []string{"source", "result"})

func init() {
	legacyregistry.MustRegister(buildDuration)
}

// timed is a build whose time is observed.
func timed(source string, build func(context.Context) (*trafficpb.Manifest, error)) func(context.Context) (*trafficpb.Manifest, error) {
	return func(ctx context.Context) (*trafficpb.Manifest, error) {
		began := time.Now()
		manifest, err := build(ctx)
		result := "success"
		if err != nil {
			result = "error"
		}
		buildDuration.WithLabelValues(source, result).Observe(time.Since(began).Seconds())
		return manifest, err
	}
}
