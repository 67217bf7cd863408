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
	_, err := ReadPage(ctx, conn, request, each)
	return err
}

// ReadPage is EachRecord, and returns besides where the next read starts; 0 when there is nothing more.
func ReadPage(ctx context.Context, conn grpc.ClientConnInterface, request *trafficpb.ReadRequest, each func(*trafficpb.Record) error) (next uint64, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when the callback gives up
	defer cancel()
	stream, err := trafficpb.NewSnapshotsClient(conn).Read(ctx, request)
	if err != nil {
		return 0, fmt.Errorf("reading snapshot %s/%s: %w", request.GetSnapshot().GetNamespace(), request.GetSnapshot().GetName(), err)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading snapshot %s/%s: %w", request.GetSnapshot().GetNamespace(), request.GetSnapshot().GetName(), err)
		}
		for _, record := range response.GetRecords() {
			if err := each(record); err != nil {
				return 0, err
			}
		}
		next = response.GetNext()
	}
}
