// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command restage-controller is the operator of Restage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"

	"github.com/restage-dev/restage/pkg/controller"
)

func main() {
	var options controller.Options
	command := &cobra.Command{
		Use:           "restage-controller",
		Short:         "Registers the API of Restage, deploys the forwarder and reconciles captures, snapshots, environments and replays",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return controller.Run(ctx, options)
		},
	}
	options.AddFlags(command.Flags())
	os.Exit(cli.Run(command))
}
