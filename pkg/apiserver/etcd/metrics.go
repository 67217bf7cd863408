// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "restage_apiserver_etcd"

var (
	sizeBytes = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "db_size_bytes", StabilityLevel: metrics.ALPHA,
		Help: "Size of the database file of an etcd member.",
	}, []string{"endpoint"})
	inUseBytes = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "db_size_in_use_bytes", StabilityLevel: metrics.ALPHA,
		Help: "Part of the database file of an etcd member that holds data. A defragmentation frees the rest.",
	}, []string{"endpoint"})
	quotaBytes = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "db_quota_bytes", StabilityLevel: metrics.ALPHA,
		Help: "Size of the database file of an etcd member at which writes are refused.",
	}, []string{"endpoint"})
	alarmRaised = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "alarm", StabilityLevel: metrics.ALPHA,
		Help: "1 while etcd has raised this alarm. NOSPACE: writes are refused; CORRUPT: the members differ.",
	}, []string{"type"})
	defragmentations = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "defragmentations_total", StabilityLevel: metrics.ALPHA,
		Help: "Defragmentations of the embedded etcd, by result.",
	}, []string{"result"})
)

func init() {
	legacyregistry.MustRegister(sizeBytes, inUseBytes, quotaBytes, alarmRaised, defragmentations)
}
