// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gocloud.dev/blob"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

// retryInterval is how long a backup that failed is left alone.
const retryInterval = time.Minute

// Schedule takes backups at an interval. Several servers may share one: each looks first how old the newest backup is.
type Schedule struct {
	From storagebackend.TransportConfig
	// URL is that of the bucket: file:///directory or s3://bucket?region=name.
	URL      string
	Interval time.Duration
	// Keep is how many backups are kept; at least one.
	Keep int
}

// Run takes backups until the context ends.
func (s Schedule) Run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	for {
		wait, err := s.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait = min(retryInterval, s.Interval)
			logger.Error(err, "Taking a backup failed", "retryIn", wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// next takes a backup when it is due, and returns how long it is until the next one.
func (s Schedule) next(ctx context.Context) (wait time.Duration, err error) {
	bucket, err := store.OpenBucket(ctx, s.URL)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, bucket.Close()) }()
	backups, err := List(ctx, bucket)
	if err != nil {
		return 0, err
	}
	if len(backups) > 0 {
		lastSuccess.Set(float64(backups[0].Time.Unix()))
		if rest := time.Until(backups[0].Time.Add(s.Interval)); rest > 0 {
			return min(rest, s.Interval), nil // a clock that went back must not put it off
		}
	}
	return s.Interval, s.take(ctx, bucket)
}

func (s Schedule) take(ctx context.Context, bucket *blob.Bucket) error {
	start := time.Now()
	taken, err := Take(ctx, s.From, bucket, start)
	duration.Observe(time.Since(start).Seconds())
	if err != nil {
		if ctx.Err() == nil {
			backups.WithLabelValues("error").Inc()
		}
		return err
	}
	backups.WithLabelValues("success").Inc()
	lastSuccess.Set(float64(taken.Time.Unix()))
	lastSize.Set(float64(taken.Size))
	klog.FromContext(ctx).Info("Took a backup", "name", taken.Name, "bytes", taken.Size, "duration", time.Since(start))
	if err := prune(ctx, bucket, s.Keep); err != nil {
		return fmt.Errorf("clearing up after a backup: %w", err)
	}
	return nil
}
