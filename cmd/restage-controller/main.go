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
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json

	"github.com/restage-dev/restage/pkg/controller"
)

func main() {
	logging := logs.NewOptions()
	options := controller.Options{Logging: logging}
	command := &cobra.Command{
		Use:           "restage-controller",
		Short:         "Registers the API of Restage, deploys the forwarder and reconciles captures, snapshots, environments and replays",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return logsapi.ValidateAndApply(logging, nil)
		},
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return controller.Run(ctx, options)
		},
	}
	options.AddFlags(command.Flags())
	logsapi.AddFlags(logging, command.PersistentFlags())
	os.Exit(cli.Run(command))
}
