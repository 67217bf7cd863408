// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package responder plays the dependencies of a workload from a snapshot.
package responder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/responder/outcome"
	"github.com/restage-dev/restage/pkg/responder/play"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Options say where a responder finds what it needs and where it listens.
type Options struct {
	Settings           string // file with wiring.PlaySettings
	Forwarder          string // host:port
	ForwarderCAFile    string
	ForwarderTokenFile string
	TokenFile          string // the environment's token
	TLSDir             string // the environment's CA with its key; may be empty
	RedactionKey       string // file with the key of redaction tokens
	TunnelListen       string // host:port
	ControlListen      string // host:port
	Log                *slog.Logger
	// Listening, when set, is called with the addresses of the tunnel and the control API.
	Listening func(tunnel, control net.Addr)
}

// Run plays until the context ends, which is no error.
func Run(ctx context.Context, o Options) error {
	if o.Forwarder == "" {
		return errors.New("forwarder: host:port is required")
	}
	settings, err := readSettings(o.Settings)
	if err != nil {
		return err
	}
	token, err := readToken(o.TokenFile)
	if err != nil {
		return err
	}
	// Connections wait in the queue of the kernel until the recording is loaded.
	tunnel, err := net.Listen("tcp", o.TunnelListen)
	if err != nil {
		return fmt.Errorf("listening for tunnels: %w", err)
	}
	defer tunnel.Close()
	api, err := net.Listen("tcp", o.ControlListen)
	if err != nil {
		return fmt.Errorf("listening for the control API: %w", err)
	}
	defer api.Close()
	if o.Listening != nil {
		o.Listening(tunnel.Addr(), api.Addr())
	}
	r := &responder{options: o, settings: settings, token: token, api: control.New(ulid.Make().String(), token, o.Log)}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveControl(ctx, api, r.api.Handler()) })
	group.Go(func() error { return r.play(ctx, tunnel) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type responder struct {
	options  Options
	settings *wiring.PlaySettings
	token    string
	api      *control.API
}

// play loads the recording and then answers connections.
func (r *responder) play(ctx context.Context, tunnel net.Listener) error {
	log := r.options.Log
	server, reporter, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	go reporter.Run(ctx)
	log.Info("Playing", "tunnel", tunnel.Addr().String())
	return server.Serve(ctx, tunnel)
}

func (r *responder) prepare(ctx context.Context) (*play.Server, *outcome.Reporter, error) {
	o := r.options
	conn, err := dial.Forwarder(ctx, o.Forwarder, o.ForwarderCAFile, o.ForwarderTokenFile)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	start := time.Now()
	records, redactor, types, err := load(ctx, conn, r.settings, o.RedactionKey, o.Log)
	if err != nil {
		return nil, nil, err
	}
	index := match.BuildRedacted(records, redactor).WithTypes(types)
	outcomes := outcome.NewLog()
	reporter := outcome.NewReporter(outcomes, index)
	routes := play.NewRoutes(r.settings.Routes)
	server := play.NewServer(index, reporter, policy(r.settings), routes, []byte(r.token), o.Log)
	ca, err := readCA(o.TLSDir)
	if err != nil {
		return nil, nil, err
	}
	if ca != nil {
		if server.Leaves, err = authority.NewLeaves(ca[0]); err != nil {
			return nil, nil, err
		}
	}
	o.Log.Info("Loaded the recording", "records", len(records), "unplayable", index.Unplayable(), "took", time.Since(start))
	r.api.Loaded(&control.Play{
		Ports: routes.AddPorts(index.Ports()), CA: string(ca.Bundle()),
		Outcomes: outcomes, Reporter: reporter, Unused: index.Unused, Rejected: server.Rejected, Internal: routes.Taken, Unplayable: index.Unplayable(),
	})
	return server, reporter, nil
}

// serveControl serves the control API until the context ends. It waits for no call: nobody needs the answers then.
func serveControl(ctx context.Context, listener net.Listener, handler http.Handler) error {
	const headTimeout, callTimeout, idleTimeout = 10 * time.Second, 30 * time.Second, 2 * time.Minute
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 64 << 10,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the control API: %w", err)
	}
	return nil
}
