// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"

	"github.com/spf13/cobra"
)

// NewCommand returns the command line of restage-apiserver, which serves until the context ends.
func NewCommand(ctx context.Context) *cobra.Command {
	o := NewOptions()
	command := &cobra.Command{
		Use:   "restage-apiserver",
		Short: "Serve the API of Restage, aggregated by kube-apiserver",
		Long: "restage-apiserver serves the group replay.restage.dev through the API aggregation layer of Kubernetes. " +
			"It stores its objects in an embedded etcd or in one of your own.",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return o.ServerRun.ComponentGlobalsRegistry.Set()
		},
		RunE: func(command *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return o.Run(command.Context())
		},
	}
	command.SetContext(ctx)
	o.AddFlags(command.Flags())
	return command
}
