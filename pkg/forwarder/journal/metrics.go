// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "restage_forwarder"

var (
	recordsTaken = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "records_total", StabilityLevel: metrics.ALPHA,
		Help: "Records taken from proxies and safe on disk.",
	})
	recordsHeld = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "duplicate_records_total", StabilityLevel: metrics.ALPHA,
		Help: "Records that came again after they had been taken.",
	})
	bytesTaken = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "wal_appended_bytes_total", StabilityLevel: metrics.ALPHA,
		Help: "Bytes of records and losses appended to the write-ahead log, before compression.",
	})
	losses = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "losses_total", StabilityLevel: metrics.ALPHA,
		Help: "Exchanges that were seen and not recorded: what proxies report, and records that the forwarder refused.",
	})
	appendDuration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "wal_append_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "How long it took to append to the write-ahead log and sync it.", Buckets: metrics.ExponentialBuckets(0.0005, 2.5, 10),
	})
	sealDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "seal_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "How long it took to write a segment of the log into Parquet files, by result: success or error.", Buckets: metrics.ExponentialBuckets(0.01, 3, 9),
	}, []string{"result"})
	filesWritten = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "parquet_files_total", StabilityLevel: metrics.ALPHA,
		Help: "Parquet files of recorded traffic written to the storage.",
	})
	fileBytes = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "parquet_bytes_total", StabilityLevel: metrics.ALPHA,
		Help: "Bytes of Parquet files of recorded traffic written to the storage.",
	})
)

func init() {
	legacyregistry.MustRegister(recordsTaken, recordsHeld, bytesTaken, losses, appendDuration, sealDuration, filesWritten, fileBytes)
}

// observe counts what a group added.
func (f fresh) observe(entries [][]byte) {
	for _, totals := range f.totals {
		recordsTaken.Add(float64(totals.Records))
		losses.Add(float64(totals.Dropped))
	}
	recordsHeld.Add(float64(f.held))
	for _, entry := range entries {
		bytesTaken.Add(float64(len(entry)))
	}
}

func observeSeal(began time.Time, err error) {
	result := "success"
	if err != nil {
		result = "error"
	}
	sealDuration.WithLabelValues(result).Observe(time.Since(began).Seconds())
}

// LogBytes returns the size of the log on disk.
func (j *Journal) LogBytes() int64 {
	state := j.log.State()
	return state.Size()
}
