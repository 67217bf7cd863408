// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	progressInterval = time.Second
	progressTimeout  = 2 * time.Second
	attemptTimeout   = 30 * time.Second
	chunkSize        = 1 << 20
)

// awaitTarget returns when the target accepts a connection.
func awaitTarget(ctx context.Context, target string) error {
	return retry(ctx, func() (bool, error) {
		dialer := net.Dialer{Timeout: controlTimeout}
		conn, err := dialer.DialContext(ctx, "tcp", target)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
}

// watchProgress tells the forwarder every second how far the engine is, until the context ends.
func (r *replay) watchProgress(ctx context.Context, e *engine) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for before := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		sent := e.sent.Load()
		r.putProgress(ctx, e.progress(sent-before))
		before = sent
	}
}

func (r *replay) putProgress(ctx context.Context, p *trafficpb.Progress) {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	_, err := r.replays.PutProgress(ctx, &trafficpb.PutProgressRequest{Replay: reference(r.settings.Replay), Progress: p})
	if err != nil && ctx.Err() != context.Canceled {
		r.Log.Warn("reporting progress failed", "err", err) // the next one, or the report, makes up for it
	}
}

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
