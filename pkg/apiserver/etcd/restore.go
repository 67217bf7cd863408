// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

const (
	// maxSnapshotBytes is the largest database that etcd recommends.
	maxSnapshotBytes = 8 << 30
	// revisionInterval is less than a write takes on average, over any length of time.
	revisionInterval = 100 * time.Microsecond
)

// revisionEpoch is before the first Restage. With a new store that starts at revision 1, and at most one each
// revisionInterval, no store is ever ahead of this clock.
var revisionEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Restore makes the data directory from a snapshot. It refuses one that a server uses, or that holds data unless that is to be
// moved aside.
//
// Resource versions are revisions of etcd, so they must not go back: a client that has seen a later one would wait in silence
// until it is reached again. Therefore the restored store goes on at a revision taken from the clock, which is higher than all
// that came before it, also those of an earlier restore of the same snapshot. All older ones count as compacted, so that each
// watch ends with 410 Gone and starts from a new list.
func Restore(ctx context.Context, dataDir string, from io.Reader, moveAside bool) (revision int64, err error) {
	p, err := prepare(dataDir)
	if err != nil {
		return 0, err
	}
	lock, err := acquire(ctx, p.lock)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	switch _, err := os.Stat(p.data); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return 0, fmt.Errorf("looking at the data directory: %w", err)
	case !moveAside:
		return 0, fmt.Errorf("the data directory %s holds data, which a restore does not overwrite: move %s away first, or have it moved with --move-aside", p.dir, p.data)
	}
	return p.restore(ctx, from, time.Now())
}

// restore builds the directory in another, so that half of one is never taken for a store.
func (p paths) restore(ctx context.Context, from io.Reader, now time.Time) (revision int64, err error) {
	work := filepath.Join(p.dir, "restoring")
	if err := os.RemoveAll(work); err != nil {
		return 0, fmt.Errorf("removing an unfinished restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	file, built := filepath.Join(work, "snapshot.db"), filepath.Join(work, "etcd")
	if err := download(file, from); err != nil {
		return 0, err
	}
	manager := snapshot.NewV3(zap.NewNop())
	status, err := manager.Status(file)
	if err != nil {
		return 0, fmt.Errorf("reading the snapshot: %w", err)
	}
	bump := bumpTo(status.Revision, now)
	cfg := config(p, 0, zap.NewNop())
	err = manager.Restore(snapshot.RestoreConfig{
		SnapshotPath: file, OutputDataDir: built, Name: cfg.Name, InitialCluster: cfg.InitialCluster,
		InitialClusterToken: cfg.InitialClusterToken, PeerURLs: []string{cfg.AdvertisePeerUrls[0].String()},
		RevisionBump: uint64(bump), MarkCompacted: true,
	})
	if err != nil {
		return 0, fmt.Errorf("restoring the snapshot: %w", err)
	}
	if err := p.replace(ctx, built, now); err != nil {
		return 0, err
	}
	klog.FromContext(ctx).Info("Restored the store", "dataDir", p.dir, "keys", status.TotalKey,
		"snapshotRevision", status.Revision, "revision", status.Revision+bump)
	return status.Revision + bump, nil
}

// replace puts what was built in place, and what was there aside.
func (p paths) replace(ctx context.Context, built string, now time.Time) error {
	aside := p.data + ".aside-" + now.UTC().Format("20060102T150405Z")
	switch err := os.Rename(p.data, aside); {
	case err == nil:
		klog.FromContext(ctx).Info("Moved the old data aside", "directory", aside)
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("moving the old data aside: %w", err)
	}
	if err := os.Rename(built, p.data); err != nil {
		return fmt.Errorf("putting the restored data in place: %w", err)
	}
	if err := store.SyncDir(p.dir); err != nil {
		return fmt.Errorf("putting the restored data in place: %w", err)
	}
	return nil
}

// download keeps the snapshot in a file, which the library wants. That one would crash on one that is not whole.
func download(name string, from io.Reader) (err error) {
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("keeping the snapshot: %w", err)
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := NewChecksum()
	size, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(from, maxSnapshotBytes+1))
	if err != nil {
		return fmt.Errorf("reading the snapshot: %w", err)
	}
	if size == 0 || size > maxSnapshotBytes {
		return fmt.Errorf("reading the snapshot: it has %d bytes, allowed are 1 to %d", size, int64(maxSnapshotBytes))
	}
	if !sum.Right() {
		return fmt.Errorf("reading the snapshot: its %d bytes are damaged or not all: the SHA-256 at the end is not theirs", size)
	}
	return nil
}

// bumpTo is by how much the revision is raised: to that of the clock, else, in a store that came from elsewhere and is ahead
// of it, by a day's worth.
func bumpTo(revision int64, now time.Time) int64 {
	if target := int64(now.Sub(revisionEpoch) / revisionInterval); target > revision {
		return target - revision
	}
	return int64(24 * time.Hour / revisionInterval)
}
