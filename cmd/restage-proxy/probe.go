// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/proxy"
)

// probeCommand writes what the probe found to a file. That something does not work is no error: finding that out is the purpose.
func probeCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := pflag.NewFlagSet("restage-proxy probe", pflag.ContinueOnError)
	flags.SetOutput(out)
	names := flags.StringSlice("resolve", nil, "names to resolve")
	addresses := flags.StringSlice("connect", nil, "host:port to connect to")
	output := flags.String("output", "/dev/termination-log", "file that gets the result as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: only flags are allowed", flags.Arg(0))
	}
	for _, address := range *addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("--connect: %q is not host:port", address)
		}
	}
	result, err := json.Marshal(proxy.Probe(ctx, *names, *addresses))
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if err := os.WriteFile(*output, result, 0o600); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}
