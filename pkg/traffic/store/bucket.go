// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/s3blob"   // s3://
	"gocloud.dev/gcerrors"
)

// OpenBucket opens the storage of a URL: file:///directory, which is made when it is not there, or s3://bucket?region=….
func OpenBucket(ctx context.Context, storageURL string) (*blob.Bucket, error) {
	parsed, err := url.Parse(storageURL)
	if err != nil {
		return nil, fmt.Errorf("opening the storage: %w", err)
	}
	if parsed.Scheme == "file" {
		query := parsed.Query()
		query.Set("create_dir", "1")
		query.Set("no_tmp_dir", "1") // a rename within one file system is what makes a write atomic
		query.Set("metadata", "skip")
		parsed.RawQuery = query.Encode()
	}
	bucket, err := blob.OpenBucket(ctx, parsed.String())
	if err != nil {
		return nil, fmt.Errorf("opening the storage %s: %w", parsed.Redacted(), err)
	}
	return bucket, nil
}

// Put writes an object by the callback. When it returns without an error the object is there and safe, else it is as it
// was before.
func Put(ctx context.Context, bucket *blob.Bucket, key string, write func(io.Writer) error) error {
	writing, abort := context.WithCancel(ctx)
	defer abort()
	writer, err := bucket.NewWriter(writing, key, nil)
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	if err := write(writer); err != nil {
		abort()
		_ = writer.Close() // throws away what was written, since the context has ended
		return fmt.Errorf("writing %s: %w", key, err)
	}
	if err := writer.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	if err := syncFile(ctx, bucket, key); err != nil {
		return fmt.Errorf("syncing %s: %w", key, err)
	}
	return nil
}

// Get reads an object of at most limit bytes.
func Get(ctx context.Context, bucket *blob.Bucket, key string, limit int64) ([]byte, error) {
	reader, err := bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	defer reader.Close()
	if reader.Size() > limit {
		return nil, fmt.Errorf("reading %s: it has %d bytes, more than %d", key, reader.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(reader, limit))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return data, nil
}

// DeletePrefix deletes all objects whose keys begin with prefix.
func DeletePrefix(ctx context.Context, bucket *blob.Bucket, prefix string) error {
	objects := bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing %s: %w", prefix, err)
		}
		if err := bucket.Delete(ctx, object.Key); err != nil && !IsNotFound(err) {
			return fmt.Errorf("deleting %s: %w", object.Key, err)
		}
	}
}

// IsNotFound tells that an object is not there.
func IsNotFound(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// syncFile syncs an object that is a file, and the directories down to it, which may be new. The file driver renames into place but does not sync;
// other storage is safe as soon as a write returns.
func syncFile(ctx context.Context, bucket *blob.Bucket, key string) error {
	var syncErr error
	options := &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var file *os.File
		if as(&file) {
			syncErr = file.Sync()
			dir := file.Name()
			for range strings.Count(key, "/") + 1 {
				dir = filepath.Dir(dir)
				syncErr = errors.Join(syncErr, SyncDir(dir))
			}
		}
		return nil
	}}
	reader, err := bucket.NewRangeReader(ctx, key, 0, 0, options)
	if err != nil {
		return err
	}
	return errors.Join(syncErr, reader.Close())
}

// SyncDir makes the names of a directory durable.
func SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// blobReaderAt reads an object in ranges.
type blobReaderAt struct {
	ctx    context.Context // of all reads: io.ReaderAt has no place for one
	bucket *blob.Bucket
	key    string
}

func (b *blobReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	reader, err := b.bucket.NewRangeReader(b.ctx, b.key, offset, int64(len(p)), nil)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	n, err := io.ReadFull(reader, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // the contract of io.ReaderAt
	}
	return n, err
}
