// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is kubectl restage. Each command is a package below it.
package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/capture"
	"github.com/restage-dev/restage/pkg/cli/check"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/completion"
	"github.com/restage-dev/restage/pkg/cli/env"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/inject"
	"github.com/restage-dev/restage/pkg/cli/install"
	"github.com/restage-dev/restage/pkg/cli/replay"
	"github.com/restage-dev/restage/pkg/cli/snapshot"
	"github.com/restage-dev/restage/pkg/cli/status"
	"github.com/restage-dev/restage/pkg/cli/uninstall"
	"github.com/restage-dev/restage/pkg/cli/version"
)

// Run runs kubectl restage with arguments and returns its exit code.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	command := New(streams)
	command.SetArgs(args)
	err := command.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintf(streams.ErrOut, "error: %v\n", err)
	}
	return exit.Code(err)
}

// New returns kubectl restage with all its commands.
func New(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   "restage",
		Short: "Record the traffic of a workload and replay it in an isolated environment",
		Annotations: map[string]string{
			cobra.CommandDisplayNameAnnotation: "kubectl restage",
		},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	c := cluster.New(streams)
	c.AddFlags(root.PersistentFlags())

	const daily, platform = "daily", "platform"
	root.AddGroup(&cobra.Group{ID: daily, Title: "Daily work:"}, &cobra.Group{ID: platform, Title: "Install and operate:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add(daily, capture.New(c, streams), snapshot.New(c, streams), replay.New(c, streams), env.New(c, streams),
		inject.New(c, streams), inject.NewUninject(c, streams), completion.New(streams))
	add(platform,
		check.New(c, streams),
		install.New(c, streams),
		uninstall.New(c, streams),
		status.New(c, streams),
		version.New(c, streams),
	)
	return root
}
