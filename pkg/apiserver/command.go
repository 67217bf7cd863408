// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
)

func init() {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate))
}

// NewCommand returns the command line of restage-apiserver, which serves until the context ends.
func NewCommand(ctx context.Context) *cobra.Command {
	return NewCommandFor(ctx, NewOptions())
}

// NewCommandFor is NewCommand with defaults of one's own.
func NewCommandFor(ctx context.Context, o *Options) *cobra.Command {
	logging := logs.NewOptions()
	command := &cobra.Command{
		Use:   "restage-apiserver",
		Short: "Serve the API of Restage, aggregated by kube-apiserver",
		Long: "restage-apiserver serves the group replay.restage.dev through the API aggregation layer of Kubernetes. " +
			"It stores its objects in an embedded etcd or in one of your own.",
		Args:              cobra.NoArgs,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := o.ServerRun.ComponentGlobalsRegistry.Set(); err != nil {
				return err
			}
			if err := errors.Join(o.ServerRun.ComponentGlobalsRegistry.Validate()...); err != nil {
				return err
			}
			return logsapi.ValidateAndApply(logging, utilfeature.DefaultFeatureGate)
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
	logsapi.AddFlags(logging, command.PersistentFlags())
	command.AddCommand(newBackupCommand(o), newRestoreCommand(o))
	return command
}
