// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/proxy/capture"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// flushTimeout is what the last records have to reach the forwarder when the proxy stops.
const flushTimeout = 5 * time.Second

// CaptureConfig is what the proxy is told in capture mode.
type CaptureConfig struct {
	Settings  wiring.CaptureSettings
	Forwarder recorder.Forwarder
	// RedactionKey is the file with the key of redaction tokens.
	RedactionKey string
	// DescriptorSet is the file with the types of gRPC messages, which is there when the settings say so.
	DescriptorSet string
	TeeMemory     int64 // bytes of traffic that wait for their parser, of all connections
	BufferMemory  int64 // bytes of records that wait for the forwarder
	// TLSDir has what is read for TLS, and TrustDir gets whom the workload is to trust; see package wiring.
	TLSDir, TrustDir string
	// Outbound, Inbound and Admin are listened on and closed; nil: the ports of package wiring.
	Outbound, Inbound, Admin *net.TCPListener
	// OriginalDestination tells where a redirected connection was going; nil asks the kernel.
	OriginalDestination func(*net.TCPConn) (netip.AddrPort, error)
}

// gcPercent lets the heap grow to three times what is alive, unless GOGC says otherwise. That is little, as records wait encoded, and to collect
// half as often saves some percent of the processor for 2 MiB.
const gcPercent = 200

// RunCapture relays and records until the context ends; then it hands over what it has recorded.
func RunCapture(ctx context.Context, config CaptureConfig, log *slog.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	records := recorder.New(config.BufferMemory)
	selected, err := selection.New(config.Settings, os.Getenv("KUBERNETES_SERVICE_HOST"))
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	redactor, err := newRedactor(config.RedactionKey, log).With(config.Settings.Redaction)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if name := config.Settings.DescriptorSet; name != "" {
		redactor.WithTypes(readTypes(config.DescriptorSet, name, log))
	}
	log = log.With("workload", config.Settings.Workload, "instance", records.Instance())
	tls := tlsConfig{config.Settings.TLS, config.TLSDir, config.TrustDir}
	tlsOut, err := tls.outbound(log)
	if err != nil {
		return err
	}
	tap := &capture.Capture{
		Workload: config.Settings.Workload, Selection: selected, BodyLimit: config.Settings.BodyLimit,
		Budget: tee.NewBudget(config.TeeMemory), Recorder: records, Redactor: redactor,
		TLSOut: tlsOut, TLSIn: tls.inbound(log), Log: log,
	}
	if err := errors.Join(
		listen(ctx, &config.Outbound, "", wiring.ProxyOutboundPort),
		listen(ctx, &config.Inbound, "", wiring.ProxyInboundPort),
		listen(ctx, &config.Admin, "", wiring.ProxyAdminPort),
	); err != nil {
		return err
	}

	pushing, stopPushing := context.WithCancel(context.WithoutCancel(ctx))
	pusher := &recorder.Pusher{Recorder: records, Connect: config.Forwarder.Connect, Log: log}
	var pushed sync.WaitGroup
	pushed.Go(func() { pusher.Run(pushing) })
	defer pushed.Wait()
	defer stopPushing()

	group, serving := errgroup.WithContext(ctx)
	for listener, handle := range map[*net.TCPListener]func(context.Context, *net.TCPConn, netip.AddrPort){
		config.Outbound: tap.Outbound, config.Inbound: tap.Inbound,
	} {
		l := &relay.Listener{TCPListener: listener, OriginalDestination: config.OriginalDestination, Handle: handle, Log: log}
		group.Go(func() error { return l.Serve(serving) })
	}
	// Listening is all that a workload needs of the proxy, so it is ready.
	group.Go(func() error {
		return serveAdmin(serving, config.Admin, func() bool { return true }, captureMetrics(tap, records, pusher))
	})
	log.Info("Recording", "ports", config.Settings.Ports, "forwarder", config.Forwarder.Address)
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, finishCapture(ctx, tap, records, log))
}

// finishCapture ends the records of open connections and waits until the forwarder has everything.
func finishCapture(ctx context.Context, tap *capture.Capture, records *recorder.Recorder, log *slog.Logger) error {
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	err := tap.Wait(flush)
	if err == nil {
		err = records.Flush(flush)
	}
	log.Info("Stopped recording", "recorded", records.Recorded(), "acknowledged", records.Acknowledged(), "lost", records.Lost())
	if err != nil {
		return fmt.Errorf("handing the last records to the forwarder: %w", err)
	}
	return nil
}

// newRedactor goes on with a key of its own when there is none: a secret never leaves as it is.
func newRedactor(path string, log *slog.Logger) *redact.Redactor {
	redactor, err := redact.FromFile(path)
	if err != nil {
		log.Warn("No redaction key: tokens are made with a random one and will differ from those of other pods", "err", err)
		return redact.NewRandom()
	}
	return redactor
}

// readTypes goes on with a set that knows no types when they cannot be read: what is not searched then says so.
func readTypes(path, name string, log *slog.Logger) *descriptor.Set {
	types, err := descriptor.ReadFile(path)
	if err != nil {
		log.Error("The descriptor set cannot be read: fields of gRPC messages have no names", "configMap", name, "err", err)
		return &descriptor.Set{}
	}
	return types
}
