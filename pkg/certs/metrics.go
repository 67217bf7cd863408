// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/restage-dev/restage/pkg/authority"
)

const subsystem = "restage_serving"

var (
	certificateExpires = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "certificate_expiration_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When the serving certificate that was made here expires, in seconds since 1970. It is renewed when a third of its life is left.",
	})
	caExpires = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "ca_expiration_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When the newest CA of the serving certificate expires, in seconds since 1970. It gets a successor when a third of its life is left.",
	})
	publishedCAs = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "published_cas", StabilityLevel: metrics.ALPHA,
		Help: "CAs that clients are told to trust: more than one while the CA is rotated.",
	})
)

func init() {
	legacyregistry.MustRegister(certificateExpires, caExpires, publishedCAs)
}

func observeCA(known authority.List) {
	caExpires.Set(float64(known[0].Certificate.NotAfter.Unix()))
	publishedCAs.Set(float64(len(known)))
}
