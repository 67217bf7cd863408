// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"

	"k8s.io/apiserver/pkg/storage/etcd3"

	"github.com/restage-dev/restage/pkg/apiserver/backup"
	"github.com/restage-dev/restage/pkg/apiserver/etcd"
	"github.com/restage-dev/restage/pkg/apiserver/marker"
)

// startEtcd runs the embedded etcd and has the server use it. When etcd fails the server is cancelled.
func (o *Options) startEtcd(ctx context.Context, cancel context.CancelCauseFunc) (near *embeddedStorage, stop func() error, err error) {
	storage, err := etcd.Start(ctx, o.EmbeddedEtcd)
	if err != nil {
		return nil, nil, err
	}
	client, err := storage.Client()
	if err != nil {
		return nil, nil, errors.Join(err, storage.Close())
	}
	client.KV = etcd3.NewETCDLatencyTracker(client.KV)
	compactor := etcd3.StartCompactorPerEndpoint(client.Client, o.Etcd.StorageConfig.CompactionInterval)
	o.Etcd.StorageConfig.Transport.ServerList = []string{storage.URL()}
	go func() {
		select {
		case failure := <-storage.Err():
			cancel(fmt.Errorf("the embedded etcd failed: %w", failure))
		case <-ctx.Done():
		}
	}()
	return &embeddedStorage{client: client, compactor: compactor}, func() error {
		compactor.Stop()
		return errors.Join(client.Close(), storage.Close())
	}, nil
}

// lookAfterStorage makes sure that etcd holds the data that it is expected to hold, and looks after it until stop is called:
// also while the server ends.
func (o *Options) lookAfterStorage(ctx context.Context, cancel context.CancelCauseFunc, host *Host, embedded bool) (stop func() error, err error) {
	transport := o.Etcd.StorageConfig.Transport
	client, err := etcd.Connect(transport)
	if err != nil {
		return nil, err
	}
	mark := marker.Marker{
		Host: host.Client, Namespace: o.Namespace, Store: client, Key: path.Join("/", o.Etcd.StorageConfig.Prefix, "store-id"),
	}
	if _, err := mark.Verify(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	workers.Go(func() {
		if err := mark.Run(ctx); err != nil {
			cancel(err)
		}
	})
	workers.Go(func() { etcd.Upkeep{Client: client, Embedded: embedded}.Run(ctx) })
	if o.Backup.URL != "" {
		schedule := backup.Schedule{From: transport, URL: o.Backup.URL, Interval: o.Backup.Interval, Keep: o.Backup.Keep}
		workers.Go(func() { schedule.Run(ctx) })
	}
	return func() error {
		end()
		workers.Wait()
		return client.Close()
	}, nil
}
