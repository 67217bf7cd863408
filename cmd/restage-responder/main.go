// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command restage-responder plays the dependencies of a workload from a snapshot.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/responder"
	"github.com/restage-dev/restage/pkg/wiring"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o := responder.Options{Log: log}
	pflag.StringVar(&o.Settings, "settings", wiring.ResponderSettings, "file that says what to play, as JSON")
	pflag.StringVar(&o.Forwarder, "forwarder", "", "host:port of restage-forwarder (required)")
	pflag.StringVar(&o.ForwarderCAFile, "forwarder-ca-file", wiring.ForwarderCA, "file with the CA of the forwarder's certificate")
	pflag.StringVar(&o.ForwarderTokenFile, "forwarder-token-file", wiring.ForwarderToken, "file with the token that is shown to the forwarder")
	pflag.StringVar(&o.TokenFile, "token-file", wiring.EnvironmentToken, "file with the token of the environment, which proxies and the generator show")
	pflag.StringVar(&o.TLSDir, "tls-dir", wiring.ResponderTLSDir, "directory with the CA that certifies recorded names over TLS, and its key")
	pflag.StringVar(&o.RedactionKey, "redaction-key", wiring.RedactionKey, "file with the key of redaction tokens")
	pflag.StringVar(&o.TunnelListen, "tunnel-listen", fmt.Sprintf(":%d", wiring.ResponderTunnelPort), "host:port to take the connections of workloads at")
	pflag.StringVar(&o.ControlListen, "control-listen", fmt.Sprintf(":%d", wiring.ResponderControlPort), "host:port of the control API")
	pflag.Parse()
	if pflag.NArg() > 0 {
		log.Error("Arguments are not allowed, only flags", "argument", pflag.Arg(0))
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := responder.Run(ctx, o); err != nil {
		log.Error("The responder failed", "err", err)
		os.Exit(1)
	}
}
