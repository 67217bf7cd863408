// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// restage-generator replays the inbound requests of a snapshot, measures, and judges.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/generator"
	"github.com/restage-dev/restage/pkg/wiring"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o := generator.Options{Log: log}
	pflag.StringVar(&o.Settings, "settings", wiring.GeneratorSettings, "file that says what to replay, as JSON")
	pflag.StringVar(&o.Forwarder, "forwarder", "", "host:port of restage-forwarder (required)")
	pflag.StringVar(&o.ForwarderCAFile, "forwarder-ca-file", wiring.ForwarderCA, "file with the CA of the forwarder's certificate")
	pflag.StringVar(&o.ForwarderTokenFile, "forwarder-token-file", wiring.ForwarderToken, "file with the token that is shown to the forwarder")
	pflag.StringVar(&o.EnvironmentTokenFile, "environment-token-file", wiring.EnvironmentToken, "file with the token of the environment, read when the settings name its responder")
	pflag.StringVar(&o.RedactionKey, "redaction-key", wiring.RedactionKey, "file with the key of redaction tokens")
	pflag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := generator.Run(ctx, o); err != nil {
		log.Error("no report could be handed over", "err", err)
		os.Exit(1)
	}
}
