// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
)

// listed is how many objects a list of the comparison has.
const listed = 500

// row is a line of the comparison: the same operation on both sides.
type row struct {
	name    string
	clients int
	on      func(s side) operation
}

func (b *bench) rows() []row {
	return []row{
		{"create ReplayProfile", 1, b.profiles("single")},
		{"create ReplayProfile, 8 clients", 8, b.profiles("parallel")},
		{"get TrafficReplay", 1, b.get},
		{fmt.Sprintf("list %d TrafficReplays", listed), 1, b.list},
		{"apply a changed TrafficReplay", 1, b.applyChange},
		{"apply TrafficReplay as it is", 1, b.applySame},
	}
}

func (b *bench) profiles(prefix string) func(side) operation {
	return func(s side) operation {
		return func(ctx context.Context, i int) error {
			return s.create(ctx, b.raw, "replayprofiles", s.encode("ReplayProfile", profile(fmt.Sprintf("%s-%d", prefix, i))))
		}
	}
}

func (b *bench) get(s side) operation {
	return func(ctx context.Context, _ int) error {
		return b.raw.Get().AbsPath(s.path("trafficreplays", "one")).Do(ctx).Error()
	}
}

func (b *bench) list(s side) operation {
	return func(ctx context.Context, _ int) error {
		return b.listing(s).Do(ctx).Error()
	}
}

func (b *bench) listing(s side) *rest.Request {
	return b.raw.Get().AbsPath(s.path("trafficreplays")).Param("labelSelector", "listed=true")
}

func (b *bench) applyChange(s side) operation {
	return func(ctx context.Context, i int) error {
		body := s.encode("TrafficReplay", replay("applied", map[string]string{"change": fmt.Sprint(i)}))
		return s.apply(ctx, b.raw, "trafficreplays", "applied", body)
	}
}

func (b *bench) applySame(s side) operation {
	body := s.encode("TrafficReplay", replay("unchanged", nil))
	return func(ctx context.Context, _ int) error {
		return s.apply(ctx, b.raw, "trafficreplays", "unchanged", body)
	}
}

// fill makes the objects that the lists of a side hold.
func (b *bench) fill(ctx context.Context, c *rest.RESTClient, s side) error {
	for i := range listed {
		object := replay(fmt.Sprintf("listed-%d", i), map[string]string{"listed": "true"})
		if err := s.create(ctx, c, "trafficreplays", s.encode("TrafficReplay", object)); err != nil {
			return fmt.Errorf("filling %s: %w", s.name, err)
		}
	}
	return nil
}

// compareRows runs all rows and prints each as it ends, and then what of it is the aggregation's.
func (b *bench) compareRows(ctx context.Context) error {
	for _, s := range []side{ours, twin} {
		if err := b.fill(ctx, b.raw, s); err != nil {
			return err
		}
	}
	if err := b.startFloor(ctx); err != nil {
		return fmt.Errorf("starting the floor: %w", err)
	}
	b.out.head(ours.name, twin.name)
	for _, row := range b.rows() {
		results, err := b.alternate(ctx, row.clients, row.on(ours), row.on(twin), row.on(floor))
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		b.compared(row.name, results)
	}
	if err := b.compareWatch(ctx); err != nil {
		return err
	}
	b.out.head(floor.name, twin.name)
	for _, bound := range b.bounds {
		b.out.row(bound.name, bound.floor, bound.twin)
	}
	return nil
}

// bound is what an operation costs on the floor, and as a custom resource.
type bound struct {
	name        string
	floor, twin *measured
}

// compared prints what an operation took on our side and on the twin's, and keeps what the floor took.
func (b *bench) compared(name string, results []*measured) {
	b.out.row(name, results[0], results[1])
	b.bounds = append(b.bounds, bound{name, results[2], results[1]})
}
