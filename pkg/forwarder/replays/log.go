// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replays

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	replayLog = "trafficreplays/log"
	// maxAppend bounds the lines of one call.
	maxAppend = 10_000
	// linesAtOnce is the most that one message of a stream has.
	linesAtOnce = 500
)

// AppendLog adds lines to the log of a replay.
func (r *Replays) AppendLog(ctx context.Context, request *trafficpb.AppendLogRequest) (*trafficpb.AppendLogResponse, error) {
	if err := r.guard.CheckObject(ctx, "update", replayLog, "replay", request.GetReplay()); err != nil {
		return nil, err
	}
	if n := len(request.GetLines()); n > maxAppend {
		return nil, status.Errorf(codes.InvalidArgument, "lines: there are %d, more than %d", n, maxAppend)
	}
	o := ownerOf(request.GetReplay())
	l, err := r.logs.open(o)
	if err == nil {
		err = l.append(request.GetLines(), request.GetLast())
	}
	if err != nil {
		return nil, failure.Status(ctx, err, "keeping the log of replay %s/%s", o.Namespace, o.Name)
	}
	return &trafficpb.AppendLogResponse{}, nil
}

// GetLog streams the lines of the log of a replay; with follow, those to come as well, until the last.
func (r *Replays) GetLog(request *trafficpb.GetLogRequest, stream trafficpb.Replays_GetLogServer) error {
	ctx := stream.Context()
	if err := r.guard.CheckObject(ctx, "get", replayLog, "replay", request.GetReplay()); err != nil {
		return err
	}
	o := ownerOf(request.GetReplay())
	l, err := r.logs.open(o)
	if err == nil {
		err = sendLog(ctx, l, request, stream)
	}
	if err != nil {
		return failure.Status(ctx, err, "reading the log of replay %s/%s", o.Namespace, o.Name)
	}
	return nil
}

func sendLog(ctx context.Context, l *runLog, request *trafficpb.GetLogRequest, stream trafficpb.Replays_GetLogServer) error {
	tail := request.GetTail()
	for offset := int64(0); ; {
		now := l.state()
		lines, err := l.read(offset, now.size)
		if err != nil {
			return err
		}
		if offset == 0 && tail >= 0 {
			lines = lines[max(0, int64(len(lines))-tail):]
		}
		offset = now.size
		if err := send(lines, request.GetSince(), stream); err != nil {
			return err
		}
		if !request.GetFollow() || now.ended {
			return nil
		}
		select {
		case <-now.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		tail = -1 // what is new is sent as a whole
	}
}

// send sends those lines that are of the time or later.
func send(lines []*trafficpb.LogLine, since int64, stream trafficpb.Replays_GetLogServer) error {
	var batch []*trafficpb.LogLine
	for i, line := range lines {
		if line.GetTime() >= since {
			batch = append(batch, line)
		}
		if len(batch) > 0 && (len(batch) == linesAtOnce || i == len(lines)-1) {
			if err := stream.Send(&trafficpb.GetLogResponse{Lines: batch}); err != nil {
				return err
			}
			batch = nil
		}
	}
	return nil
}
