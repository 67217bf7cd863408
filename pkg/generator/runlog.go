// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// logLines is how many lines wait to be sent at most; those beyond are lost and counted.
	logLines = 1000
	// logBatch is how many go with one call.
	logBatch = 200
	// logInterval is the pause between calls, logTimeout the time for one, and for what is left at the end.
	logInterval = 200 * time.Millisecond
	logTimeout  = 5 * time.Second
)

// runLog hands log lines to the forwarder, which keeps them with the replay. It never makes the one who logs wait.
type runLog struct {
	replays trafficpb.ReplaysClient
	replay  wiring.Object
	lines   chan *trafficpb.LogLine
	lost    atomic.Int64
	ending  chan struct{}
	done    chan struct{}
}

// newRunLog begins to hand over what is written to its handler, until close.
func newRunLog(ctx context.Context, replays trafficpb.ReplaysClient, replay wiring.Object) *runLog {
	l := &runLog{
		replays: replays, replay: replay,
		lines: make(chan *trafficpb.LogLine, logLines), ending: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run(ctx)
	return l
}

// handler writes to the log. Lines have no time of their own: the log has one.
func (l *runLog) handler() slog.Handler {
	return slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// Write takes one line. It never fails: a line for which there is no room is lost.
func (l *runLog) Write(line []byte) (int, error) {
	select {
	case l.lines <- l.line(string(line)):
	default:
		l.lost.Add(1)
	}
	return len(line), nil
}

func (l *runLog) line(text string) *trafficpb.LogLine {
	return &trafficpb.LogLine{Time: time.Now().UnixNano(), Source: "generator", Text: strings.TrimSuffix(text, "\n")}
}

// run sends what waits, in batches, and the rest at the end.
func (l *runLog) run(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	var batch []*trafficpb.LogLine
	for {
		select {
		case <-ticker.C:
			batch = l.send(ctx, l.take(batch))
		case <-l.ending:
			ctx, cancel := context.WithTimeout(ctx, logTimeout)
			defer cancel()
			for batch = l.take(batch); len(batch) > 0 && ctx.Err() == nil; batch = l.take(batch) {
				batch = l.send(ctx, batch)
			}
			return
		}
	}
}

// take fills a batch from what waits, and says in it how many lines were lost.
func (l *runLog) take(batch []*trafficpb.LogLine) []*trafficpb.LogLine {
	for len(batch) < logBatch {
		select {
		case line := <-l.lines:
			batch = append(batch, line)
			continue
		default:
		}
		break
	}
	if lost := l.lost.Swap(0); lost > 0 {
		batch = append(batch, l.line(fmt.Sprintf("level=WARN msg=\"%d lines of the log were lost\"", lost)))
	}
	return batch
}

// send returns what could not be sent, which is sent again.
func (l *runLog) send(ctx context.Context, batch []*trafficpb.LogLine) []*trafficpb.LogLine {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if _, err := l.replays.AppendLog(ctx, &trafficpb.AppendLogRequest{Replay: reference(l.replay), Lines: batch}); err != nil && !isFinal(err) {
		return batch
	}
	return nil
}

// close sends what is left and waits for that, but not for long.
func (l *runLog) close() {
	close(l.ending)
	<-l.done
}
