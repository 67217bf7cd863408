// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// EachRecord reads a snapshot and hands over its records one after the other, in the order of the requests. It ends with
// the first error, the callback's or the forwarder's; of the latter, status.Code gives the code.
func EachRecord(ctx context.Context, conn grpc.ClientConnInterface, request *trafficpb.ReadRequest, each func(*trafficpb.Record) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when the callback gives up
	defer cancel()
	stream, err := trafficpb.NewSnapshotsClient(conn).Read(ctx, request)
	if err != nil {
		return fmt.Errorf("reading snapshot %s/%s: %w", request.GetSnapshot().GetNamespace(), request.GetSnapshot().GetName(), err)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading snapshot %s/%s: %w", request.GetSnapshot().GetNamespace(), request.GetSnapshot().GetName(), err)
		}
		for _, record := range response.GetRecords() {
			if err := each(record); err != nil {
				return err
			}
		}
	}
}
