// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package generator replays the inbound requests of a snapshot at their recorded times, measures, compares the
// responses with the recorded ones, and reports the verdict to the forwarder.
package generator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Options of a generator.
type Options struct {
	// Settings is the path of a wiring.ReplaySettings in JSON.
	Settings string
	// Forwarder is the host:port of the forwarder; CAFile and TokenFile prove it to us and us to it.
	Forwarder, ForwarderCAFile, ForwarderTokenFile string
	// EnvironmentTokenFile holds the token of the environment; it is read only when there is one.
	EnvironmentTokenFile string
	// RedactionKey is the file with the key of redaction tokens.
	RedactionKey string
	Log          *slog.Logger
}

// Run replays once and hands over the report, whatever the verdict. When the context ends, or the timeout of the
// settings has passed, it stops sending and reports that. The error says why there is no report.
func Run(ctx context.Context, o Options) error {
	if o.Forwarder == "" {
		return errors.New("--forwarder is required: the host:port of restage-forwarder")
	}
	settings, err := readSettings(o.Settings)
	if err != nil {
		return err
	}
	// The connection must outlive the context: the report of an interrupted replay is handed over too.
	conn, err := dial.Forwarder(context.WithoutCancel(ctx), o.Forwarder, o.ForwarderCAFile, o.ForwarderTokenFile)
	if err != nil {
		return err
	}
	defer conn.Close()
	replays := trafficpb.NewReplaysClient(conn)
	kept := newRunLog(context.WithoutCancel(ctx), replays, settings.Replay)
	defer kept.close()
	o.Log = slog.New(slog.NewMultiHandler(o.Log.Handler(), kept.handler()))
	o.Log.Info("generator started", "snapshot", settings.Snapshot.Name, "speed", settings.Speed)
	r := &replay{
		Options:  o,
		settings: settings,
		conn:     conn,
		replays:  replays,
		builder:  report.NewBuilder(settings, time.Now()),
	}
	result := r.run(ctx)
	o.Log.Info("replay ended", "passed", result.Passed, "reason", result.Reason, "message", result.Message)
	return r.deliver(context.WithoutCancel(ctx), result)
}

// replay is one run.
type replay struct {
	Options
	settings *wiring.ReplaySettings
	conn     *grpc.ClientConn
	replays  trafficpb.ReplaysClient
	builder  *report.Builder
	env      *environment // nil without one
}

// run does everything up to the verdict. What goes wrong makes the replay invalid.
func (r *replay) run(ctx context.Context) *report.Report {
	timeout := seconds(r.settings.Timeout)
	load, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.replay(load); err != nil {
		r.invalidate(ctx, load, err)
	}
	return r.builder.Report(time.Now())
}

// invalidError is an error with the reason that the report gives.
type invalidError struct {
	reason string
	error
}

// invalidate tells an interrupted and an overdue replay from one in which something failed.
func (r *replay) invalidate(ctx, load context.Context, err error) {
	var known invalidError
	switch {
	case ctx.Err() != nil:
		r.builder.Invalidate(report.ReasonInterrupted, fmt.Sprintf("the generator was told to stop: %v", err))
	case errors.Is(load.Err(), context.DeadlineExceeded):
		r.builder.Invalidate(report.ReasonTimeout, fmt.Sprintf("the timeout of %v has passed: %v", seconds(r.settings.Timeout), err))
	case errors.As(err, &known):
		r.builder.Invalidate(known.reason, err.Error())
	default:
		r.builder.Invalidate(report.ReasonGeneratorError, err.Error())
	}
}

// replay loads, waits until all is ready, sends, and collects what the environment has to say.
func (r *replay) replay(ctx context.Context) error {
	p, err := r.load(ctx)
	if err != nil {
		return err
	}
	for _, s := range p.skipped {
		r.builder.Skip(s.reason, s.record)
	}
	r.builder.SetNoise(p.noise.Fields())
	if len(p.requests) == 0 {
		return nil // the report finds that nothing was replayed
	}
	if err := r.ready(ctx, p); err != nil {
		return err
	}
	r.Log.Info("replay starts", "requests", len(p.requests), "connections", p.connections, "skipped", len(p.skipped),
		"duration", p.requests[len(p.requests)-1].offset.Round(time.Millisecond))
	sendErr := r.send(ctx, p)
	if r.env != nil {
		// What happened so far is worth reporting also when not all was sent.
		conclude, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
		defer cancel()
		r.env.conclude(conclude, settleTimeout, r.builder)
	}
	return sendErr
}

// send replays the plan while progress and the environment are watched.
func (r *replay) send(ctx context.Context, p *plan) error {
	watch, stop := context.WithCancel(ctx)
	e := newEngine(p, seconds(r.settings.RequestTimeout))
	var watchers sync.WaitGroup
	watchers.Go(func() { r.watchProgress(watch, e) })
	if r.env != nil {
		watchers.Go(func() { r.env.watch(watch) })
	}
	j := judge{
		redactor: p.redactor,
		types:    p.types,
		comparer: compare.Comparer{Headers: r.settings.Headers, Ignore: p.ignore, Noise: p.noise},
		builder:  r.builder,
		env:      r.env,
	}
	finished := e.run(ctx, j.add)
	stop()
	watchers.Wait()
	r.putProgress(context.WithoutCancel(ctx), e.progress(0))
	if finished < len(p.requests) {
		return fmt.Errorf("%d of %d requests were replayed", finished, len(p.requests))
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
