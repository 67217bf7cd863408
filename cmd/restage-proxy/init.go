// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/proxy"
)

// initCommand writes the redirect rules. In capture mode only bad flags are an error.
func initCommand(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	flags := pflag.NewFlagSet("restage-proxy init", pflag.ContinueOnError)
	flags.SetOutput(out)
	portList := flags.String("ports", "", "inbound TCP ports to record, separated by commas")
	responder := flags.String("responder", "", "ip:port of the responder's tunnel")
	control := flags.String("control", "", "ip:port of the responder's control API")
	mode, err := parse(flags, args, map[string][]string{modeCapture: {"ports"}, modeIsolate: {"responder", "control"}})
	if err != nil {
		return err
	}
	if mode == modeCapture {
		ports, err := parsePorts(*portList)
		if err != nil {
			return err
		}
		proxy.InitCapture(ports, log)
		return nil
	}
	tunnel, err := parseAddress("responder", *responder)
	if err != nil {
		return err
	}
	api, err := parseAddress("control", *control)
	if err != nil {
		return err
	}
	return proxy.InitIsolate(ctx, tunnel, api, log)
}
