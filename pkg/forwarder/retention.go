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

	"github.com/restage-dev/restage/pkg/forwarder/journal"
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
			kept, err := f.deleteOlder(ctx, prefix, before)
			switch {
			case err == nil && prefix == store.TrafficPrefix:
				f.journal.CountStored(kept)
			case err != nil && ctx.Err() == nil:
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

// deleteOlder deletes what is old and returns how many bytes of each workload are kept.
func (f *Forwarder) deleteOlder(ctx context.Context, prefix string, before time.Time) (map[journal.Workload]int64, error) {
	kept := map[journal.Workload]int64{}
	objects := f.bucket.List(&blob.ListOptions{Prefix: prefix})
	deleted := 0
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		if !object.ModTime.Before(before) {
			if namespace, workload, ok := store.WorkloadOf(prefix, object.Key); ok {
				kept[journal.Workload{Namespace: namespace, Name: workload}] += object.Size
			}
			continue
		}
		if err := f.bucket.Delete(ctx, object.Key); err != nil && !store.IsNotFound(err) {
			return nil, fmt.Errorf("deleting %s: %w", object.Key, err)
		}
		deleted++
	}
	if deleted > 0 {
		klog.FromContext(ctx).Info("Deleted traffic that was kept long enough", "prefix", prefix, "files", deleted, "sealedBefore", before)
	}
	return kept, nil
}
