// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

// standard is the place that means standard input or output.
const standard = "-"

// To takes a snapshot to a place: a bucket's URL, where it gets a name, a new file, or "-", the writer. It returns where the
// snapshot is.
func To(ctx context.Context, from storagebackend.TransportConfig, place string, stdout io.Writer) (where string, size int64, err error) {
	switch {
	case place == standard:
		size, err = Write(ctx, from, stdout)
		return "standard output", size, err
	case strings.Contains(place, "://"):
		return toBucket(ctx, from, place)
	default:
		size, err = toFile(ctx, from, place)
		return place, size, err
	}
}

func toBucket(ctx context.Context, from storagebackend.TransportConfig, place string) (name string, size int64, err error) {
	bucket, err := store.OpenBucket(ctx, place)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, bucket.Close()) }()
	taken, err := Take(ctx, from, bucket, time.Now())
	return taken.Name, taken.Size, err
}

// toFile makes a new file, or none.
func toFile(ctx context.Context, from storagebackend.TransportConfig, name string) (size int64, err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("making the file of the backup: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	if size, err = Write(ctx, from, file); err != nil {
		return 0, err
	}
	return size, errors.Join(file.Sync(), store.SyncDir(filepath.Dir(name)))
}

// From opens a snapshot in a place: a bucket's URL, of which the newest backup is taken unless one is named, a file, or "-",
// the reader. It returns where the snapshot is.
func From(ctx context.Context, place, name string, stdin io.Reader) (snapshot io.ReadCloser, where string, err error) {
	inBucket := strings.Contains(place, "://")
	switch {
	case name != "" && !inBucket:
		return nil, "", fmt.Errorf("--name: %q names a backup in a bucket, but --from=%s is none", name, place)
	case place == standard:
		return io.NopCloser(stdin), "standard input", nil
	case inBucket:
		return fromBucket(ctx, place, name)
	}
	file, err := os.Open(place)
	if err != nil {
		return nil, "", fmt.Errorf("opening the backup: %w", err)
	}
	return file, place, nil
}

func fromBucket(ctx context.Context, place, name string) (io.ReadCloser, string, error) {
	bucket, err := store.OpenBucket(ctx, place)
	if err != nil {
		return nil, "", err
	}
	if name == "" {
		backups, err := List(ctx, bucket)
		if err == nil && len(backups) == 0 {
			err = errors.New("there is no backup in " + place)
		}
		if err != nil {
			return nil, "", errors.Join(err, bucket.Close())
		}
		name = backups[0].Name
	}
	reader, err := bucket.NewReader(ctx, name, nil)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("opening the backup %s: %w", name, err), bucket.Close())
	}
	return closers{Reader: reader, all: []io.Closer{reader, bucket}}, name, nil
}

// closers closes all that a reader needs.
type closers struct {
	io.Reader
	all []io.Closer
}

func (c closers) Close() error {
	var errs []error
	for _, closer := range c.all {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}
