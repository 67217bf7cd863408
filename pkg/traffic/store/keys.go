// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// Prefixes of all that is kept for some time only.
const (
	TrafficPrefix = "traffic/"
	LossesPrefix  = "losses/"
)

// TrafficKey names a file of sealed records. The first record in it begins at firstStart, in Unix nanoseconds; id is a
// ULID. The parts are names that Kubernetes accepts, so they hold no slash.
func TrafficKey(namespace, workload string, firstStart int64, id string) string {
	return timedKey(TrafficPrefix, namespace, workload, firstStart, id) + ".parquet"
}

// LossesKey names a file of losses.
func LossesKey(namespace, workload string, first int64, id string) string {
	return timedKey(LossesPrefix, namespace, workload, first, id) + ".json"
}

func timedKey(prefix, namespace, workload string, first int64, id string) string {
	milliseconds := max(first, 0) / int64(time.Millisecond)
	return prefix + path.Join(namespace, workload, fmt.Sprintf("%013d-%s", milliseconds, id))
}

// WorkloadOf returns whose file a key with one of the prefixes is.
func WorkloadOf(prefix, key string) (namespace, workload string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
	if len(parts) != 3 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// SnapshotPrefix is what the keys of a snapshot begin with.
func SnapshotPrefix(namespace, uid string) string {
	return path.Join("snapshots", namespace, uid) + "/"
}

// SnapshotFile is the name within a snapshot of its records file with that number, from 0.
func SnapshotFile(number int) string { return "records-" + strconv.Itoa(number) + ".parquet" }

// ReportPrefix is what the keys of a replay's report begin with.
func ReportPrefix(namespace, uid string) string { return path.Join("reports", namespace, uid) + "/" }

// File is a sealed file of a workload.
type File struct {
	Key string
	// First is not after the start of the first record or loss, in Unix nanoseconds.
	First int64
	// Sealed is when the file was written: all that is in it happened before.
	Sealed time.Time
}

// ListTraffic lists the files with records of a workload, by First.
func ListTraffic(ctx context.Context, bucket *blob.Bucket, namespace, workload string) ([]File, error) {
	return list(ctx, bucket, TrafficPrefix+path.Join(namespace, workload)+"/", ".parquet")
}

// ListLosses lists the files with losses of a workload, by First.
func ListLosses(ctx context.Context, bucket *blob.Bucket, namespace, workload string) ([]File, error) {
	return list(ctx, bucket, LossesPrefix+path.Join(namespace, workload)+"/", ".json")
}

func list(ctx context.Context, bucket *blob.Bucket, prefix, suffix string) ([]File, error) {
	var files []File
	objects := bucket.List(&blob.ListOptions{Prefix: prefix}) // in the order of the keys, which is that of First
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		name := strings.TrimPrefix(object.Key, prefix)
		if !strings.HasSuffix(name, suffix) || strings.Contains(name, "/") {
			continue // what an interrupted write left; retention takes it away
		}
		first, _, _ := strings.Cut(name, "-")
		milliseconds, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("listing %s: the name %q does not begin with a time in milliseconds", prefix, name)
		}
		files = append(files, File{Key: object.Key, First: milliseconds * int64(time.Millisecond), Sealed: object.ModTime})
	}
}
