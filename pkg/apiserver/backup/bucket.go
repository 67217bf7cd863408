// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

const (
	prefix = "restage-"
	layout = "20060102T150405Z"
)

// pattern is that of our names: the time, in UTC, and the revision. Other objects are left alone.
var pattern = regexp.MustCompile(`^restage-(\d{8}T\d{6}Z)-(\d+)\.db$`)

// Backup is one snapshot in a bucket.
type Backup struct {
	Name string
	Time time.Time
	Size int64 // bytes
}

// Take writes a snapshot into a bucket under a name made of the time and the revision. It is there as a whole or not at all.
func Take(ctx context.Context, from storagebackend.TransportConfig, to *blob.Bucket, now time.Time) (b Backup, err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	s, err := open(ctx, from)
	if err != nil {
		return Backup{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now = now.UTC().Truncate(time.Second)
	b = Backup{Name: fmt.Sprintf("%s%s-%d.db", prefix, now.Format(layout), s.revision), Time: now}
	err = store.Put(ctx, to, b.Name, func(w io.Writer) error {
		b.Size, err = s.copy(ctx, w)
		return err
	})
	return b, err
}

// List returns the backups in a bucket, newest first.
func List(ctx context.Context, in *blob.Bucket) ([]Backup, error) {
	var backups []Backup
	for objects := in.List(&blob.ListOptions{Prefix: prefix}); ; {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("listing the backups: %w", err)
		}
		match := pattern.FindStringSubmatch(object.Key)
		if match == nil {
			continue
		}
		if at, err := time.Parse(layout, match[1]); err == nil {
			backups = append(backups, Backup{Name: object.Key, Time: at, Size: object.Size})
		}
	}
	slices.SortFunc(backups, func(a, b Backup) int {
		if byTime := b.Time.Compare(a.Time); byTime != 0 {
			return byTime
		}
		return strings.Compare(b.Name, a.Name)
	})
	return backups, nil
}

// prune deletes all but the newest.
func prune(ctx context.Context, in *blob.Bucket, keep int) error {
	backups, err := List(ctx, in)
	if err != nil {
		return err
	}
	for _, old := range backups[min(keep, len(backups)):] {
		if err := in.Delete(ctx, old.Name); err != nil && !store.IsNotFound(err) {
			return fmt.Errorf("deleting the old backup %s: %w", old.Name, err)
		}
	}
	return nil
}
