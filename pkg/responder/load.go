// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// mostRecords bounds what is held in memory.
	mostRecords = 4_000_000
	firstRetry  = 200 * time.Millisecond
	lastRetry   = 10 * time.Second
)

// load reads the outbound records of the snapshot, how it was redacted and the types of its gRPC messages, again and again until it succeeds
// or the context ends.
func load(ctx context.Context, forwarder *grpc.ClientConn, s *wiring.PlaySettings, redactionKey string, log *slog.Logger) (
	[]*trafficpb.Record, *redact.Redactor, *descriptor.Set, error,
) {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		redactor, types, err := dial.Redactor(ctx, forwarder, s.Snapshot, redactionKey, log)
		if err == nil {
			var records []*trafficpb.Record
			if records, err = read(ctx, forwarder, s); err == nil {
				return records, redactor, types, nil
			}
		}
		if ctx.Err() != nil {
			return nil, nil, nil, ctx.Err()
		}
		log.Warn("Reading the snapshot failed, will try again", "err", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, nil, nil, ctx.Err()
		}
	}
}

func read(ctx context.Context, forwarder *grpc.ClientConn, s *wiring.PlaySettings) ([]*trafficpb.Record, error) {
	var records []*trafficpb.Record
	request := &trafficpb.ReadRequest{
		Snapshot:  &trafficpb.ObjectRef{Namespace: s.Snapshot.Namespace, Name: s.Snapshot.Name, Uid: s.Snapshot.UID},
		Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Keys: s.Mocks,
	}
	err := dial.EachRecord(ctx, forwarder, request, func(r *trafficpb.Record) error {
		if len(records) == mostRecords {
			return fmt.Errorf("snapshot %s/%s has more than %d outbound records", s.Snapshot.Namespace, s.Snapshot.Name, mostRecords)
		}
		records = append(records, r)
		return nil
	})
	return records, err
}
