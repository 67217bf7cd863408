// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

const fanoutTimeout = 30 * time.Second

// compareWatch has many watches on all sides and measures the time from a write until the last of them has heard of it.
func (b *bench) compareWatch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var writes []operation
	for _, s := range []side{ours, twin, floor} {
		write, err := b.watched(ctx, s)
		if err != nil {
			return fmt.Errorf("watching %s: %w", s.name, err)
		}
		writes = append(writes, write)
	}
	results, err := b.alternate(ctx, 1, writes...)
	if err != nil {
		return fmt.Errorf("comparing watches: %w", err)
	}
	b.compared(fmt.Sprintf("write until %d watches know", b.watchers), results)
	return nil
}

// watched opens the watches of a side and returns the operation that writes and waits for all of them.
func (b *bench) watched(ctx context.Context, s side) (operation, error) {
	heard := make(chan struct{}, b.watchers)
	broken := make(chan error, b.watchers)
	for range b.watchers {
		stream, err := watchOne(ctx, b.plane.Config, s)
		if err != nil {
			return nil, err
		}
		go func() {
			defer stream.Close()
			lines := bufio.NewReaderSize(stream, 64<<10)
			for {
				if _, err := lines.ReadSlice('\n'); err != nil {
					broken <- err
					return
				}
				heard <- struct{}{}
			}
		}()
	}
	await := func(ctx context.Context) error {
		timeout := time.NewTimer(fanoutTimeout)
		defer timeout.Stop()
		for n := range b.watchers {
			select {
			case <-heard:
			case err := <-broken:
				return fmt.Errorf("a watch ended: %w", err)
			case <-timeout.C:
				return fmt.Errorf("%d of %d watches did not hear of a write within %v", b.watchers-n, b.watchers, fanoutTimeout)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	if err := await(ctx); err != nil { // each begins with the object as it is
		return nil, err
	}
	return func(ctx context.Context, i int) error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"change":"%d"}}}`, i)
		err := b.raw.Patch(types.MergePatchType).AbsPath(s.path("trafficreplays", "one")).Body(patch).Do(ctx).Error()
		if err != nil {
			return err
		}
		return await(ctx)
	}, nil
}

// watchOne watches the object that is written, on a connection of its own, as another process would.
func watchOne(ctx context.Context, config *rest.Config, s side) (io.ReadCloser, error) {
	client, err := newRaw(controlplane.OwnConnection(config))
	if err != nil {
		return nil, err
	}
	return client.Get().AbsPath(s.path("trafficreplays")).Param("watch", "true").
		Param("fieldSelector", "metadata.name=one").Stream(ctx)
}
