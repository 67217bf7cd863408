// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"fmt"
	"time"

	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// reportTimeout bounds the attempts to hand over the report, attemptTimeout each of them.
	reportTimeout  = 2 * time.Minute
	attemptTimeout = 30 * time.Second
	// chunkSize is the most that one message carries.
	chunkSize = 1 << 20
)

// deliver hands the report over and tries again until it is taken. The forwarder replaces what it may hold already.
func (r *replay) deliver(ctx context.Context, result *report.Report) error {
	data, err := result.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return retry(ctx, func() (bool, error) {
		if err := r.putReport(ctx, data); err != nil {
			r.Log.Warn("handing over the report failed", "bytes", len(data), "err", err)
			return isFinal(err), fmt.Errorf("handing over the report: %w", err)
		}
		return true, nil
	})
}

func (r *replay) putReport(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	stream, err := r.replays.PutReport(ctx)
	if err != nil {
		return err
	}
	chunk := &trafficpb.ReportChunk{Replay: reference(r.settings.Replay)}
	for len(data) > 0 {
		n := min(len(data), chunkSize)
		chunk.Data = data[:n]
		if err := stream.Send(chunk); err != nil {
			break // the cause comes with the answer
		}
		data = data[n:]
		chunk = &trafficpb.ReportChunk{}
	}
	_, err = stream.CloseAndRecv()
	return err
}
