// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

const lockRetry = 500 * time.Millisecond

// lockTimeout is longer than the time that a pod is given to end. A variable, for tests.
var lockTimeout = 90 * time.Second

// acquire takes the lock of the data directory. Closing the file, or the end of the process, gives it back. etcd has a lock of
// its own, but waits for it silently and without end.
func acquire(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	if err := wait(ctx, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func wait(ctx context.Context, file *os.File) error {
	deadline := time.Now().Add(lockTimeout)
	for first := true; ; first = false {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("locking %s: another restage-apiserver has used the data directory for %v; only one replica can run with the embedded etcd",
				file.Name(), lockTimeout)
		}
		if first {
			klog.FromContext(ctx).Info("Waiting for another process to leave the data directory", "lock", file.Name(), "timeout", lockTimeout)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}
