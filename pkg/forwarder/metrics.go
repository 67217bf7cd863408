// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/restclient" // requests to the API server
)

const subsystem = "restage_forwarder"

// Operations on the storage.
const (
	probeStorage  = "probe"
	retainStorage = "retention"
)

var storageErrors = metrics.NewCounterVec(&metrics.CounterOpts{
	Subsystem: subsystem, Name: "storage_errors_total", StabilityLevel: metrics.ALPHA,
	Help: "Failures of the storage, by operation: probe, the write that readiness rests on, or retention. Those of sealing and of making snapshots are results of restage_forwarder_seal_duration_seconds and restage_forwarder_snapshot_build_duration_seconds.",
}, []string{"operation"})

func init() {
	legacyregistry.MustRegister(storageErrors)
}

// metrics answers with what all forwarders of the process have counted, and with how full the log of this one is.
func (f *Forwarder) metrics() http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Subsystem: subsystem, Name: "wal_bytes", Help: "Size of the write-ahead log on disk.",
		}, func() float64 { return float64(f.journal.LogBytes()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Subsystem: subsystem, Name: "wal_limit_bytes", Help: "Size of the write-ahead log from which on proxies wait.",
		}, func() float64 { return float64(f.options.LogLimit) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Subsystem: subsystem, Name: "traffic_bytes", Help: "Size of the files of recorded traffic in the storage, by a count every ten minutes and what was sealed since.",
		}, func() float64 { return float64(f.journal.StoredBytes()) }),
	)
	return promhttp.HandlerFor(prometheus.Gatherers{legacyregistry.DefaultGatherer, own}, promhttp.HandlerOpts{})
}
