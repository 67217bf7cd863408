// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package backup takes snapshots of etcd, by hand and on a schedule. They are those of etcdutl, which can read them.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/restage-dev/restage/pkg/apiserver/etcd"
)

const (
	reachTimeout = 10 * time.Second
	// takeTimeout is that of one snapshot, from a database of some gigabytes to a slow store.
	takeTimeout = 30 * time.Minute
)

// source is a member of etcd that is up to date.
type source struct {
	client   *clientv3.Client
	revision int64
}

// open finds a member that has all that the cluster has acknowledged so far: its snapshot must not be that of a straggler.
func open(ctx context.Context, from storagebackend.TransportConfig) (*source, error) {
	var errs []error
	for _, endpoint := range from.ServerList {
		single := from
		single.ServerList = []string{endpoint}
		client, err := etcd.Connect(single)
		if err != nil {
			return nil, err
		}
		revision, err := current(ctx, client)
		if err == nil {
			return &source{client: client, revision: revision}, nil
		}
		errs = append(errs, fmt.Errorf("reaching etcd at %s: %w", endpoint, err), client.Close())
	}
	return nil, errors.Join(errs...)
}

// current is the revision that the cluster agrees upon. The member answers when it has reached it.
func current(ctx context.Context, client *clientv3.Client) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	response, err := client.Get(ctx, "/")
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

// copy writes the snapshot and verifies its checksum. It returns the size.
func (s *source) copy(ctx context.Context, to io.Writer) (size int64, err error) {
	response, err := s.client.SnapshotWithVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking etcd for a snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, response.Snapshot.Close()) }()
	sum := etcd.NewChecksum()
	size, err = io.Copy(io.MultiWriter(to, sum), response.Snapshot)
	if err != nil {
		return size, fmt.Errorf("copying the snapshot: %w", err)
	}
	if !sum.Right() {
		return size, fmt.Errorf("the snapshot of %d bytes arrived damaged: its SHA-256 is not the one at its end", size)
	}
	return size, nil
}

func (s *source) Close() error { return s.client.Close() }

// Write writes a snapshot to the writer. What was written is to be thrown away when it fails.
func Write(ctx context.Context, from storagebackend.TransportConfig, to io.Writer) (size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	s, err := open(ctx, from)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.copy(ctx, to)
}
