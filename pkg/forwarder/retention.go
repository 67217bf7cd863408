// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/forwarder/snapshot"
	"github.com/restage-dev/restage/pkg/traffic/store"
)

// maxRetentionPause is the longest time between two looks for old files.
const maxRetentionPause = 10 * time.Minute

// retain deletes sealed traffic and losses that are older than the retention, and uploads that were given up, until the
// context ends.
func (f *Forwarder) retain(ctx context.Context, snapshots *snapshot.Snapshots) error {
	ticker := time.NewTicker(min(max(f.options.Retention/10, time.Second), maxRetentionPause))
	defer ticker.Stop()
	for {
		before := time.Now().Add(-f.options.Retention)
		for _, prefix := range []string{store.TrafficPrefix, store.LossesPrefix} {
			if err := f.deleteOlder(ctx, prefix, before); err != nil && ctx.Err() == nil {
				storageErrors.WithLabelValues(retainStorage).Inc()
				klog.FromContext(ctx).Error(err, "Deleting old traffic failed; it will be tried again")
			}
		}
		if err := snapshots.PruneUploads(before); err != nil {
			klog.FromContext(ctx).Error(err, "Deleting uploads that were given up failed; it will be tried again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (f *Forwarder) deleteOlder(ctx context.Context, prefix string, before time.Time) error {
	objects := f.bucket.List(&blob.ListOptions{Prefix: prefix})
	deleted := 0
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("listing %s: %w", prefix, err)
		}
		if !object.ModTime.Before(before) {
			continue
		}
		if err := f.bucket.Delete(ctx, object.Key); err != nil && !store.IsNotFound(err) {
			return fmt.Errorf("deleting %s: %w", object.Key, err)
		}
		deleted++
	}
	if deleted > 0 {
		klog.FromContext(ctx).Info("Deleted traffic that was kept long enough", "prefix", prefix, "files", deleted, "sealedBefore", before)
	}
	return nil
}
