// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package version is kubectl restage version.
package version

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/output"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/release"
)

const example = `  # Of this plugin and of what is installed
  kubectl restage version

  # Of this plugin, without asking a cluster
  kubectl restage version --client -o json`

// answer is what -o prints.
type answer struct {
	ClientVersion release.Info `json:"clientVersion"`
	Installed     *installed   `json:"installed,omitempty"`
}

type installed struct {
	Namespace  string                   `json:"namespace"`
	Components []installation.Component `json:"components"`
	// Images of what is put into pods, by the names of the parts.
	Images map[string]string `json:"images,omitempty"`
}

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	var (
		clientOnly bool
		format     output.Flag
	)
	command := &cobra.Command{
		Use:               "version",
		Short:             "Print the version of this plugin and of the Restage on the cluster",
		Example:           example,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := format.Validate(); err != nil {
				return err
			}
			said := answer{ClientVersion: release.Get()}
			var err error
			if !clientOnly {
				// What is known is printed, also where no cluster answers.
				said.Installed, err = find(command.Context(), c)
			}
			if format.Structured() {
				if writeErr := format.Write(streams.Out, said); writeErr != nil {
					return writeErr
				}
			} else {
				show(streams.Out, said, clientOnly || err != nil)
			}
			return err
		},
	}
	command.Flags().BoolVar(&clientOnly, "client", false, "Print the version of this plugin only; no cluster is asked.")
	format.Add(command, output.JSON, output.YAML)
	return command
}

// find returns nil where Restage is not installed.
func find(ctx context.Context, c *cluster.Cluster) (*installed, error) {
	found, err := c.Installation(ctx, "")
	if err != nil || !found.Installed() {
		return nil, err
	}
	return &installed{Namespace: found.Namespace, Components: found.State(), Images: found.Images()}, nil
}

func show(out io.Writer, said answer, clientOnly bool) {
	fmt.Fprintf(out, "Client Version: %s\n", said.ClientVersion.GitVersion)
	if commit := said.ClientVersion.GitCommit; commit != "" {
		fmt.Fprintf(out, "Client Commit: %s (%s)\n", commit, said.ClientVersion.GitTreeState)
	}
	switch {
	case clientOnly:
	case said.Installed == nil:
		fmt.Fprintln(out, "Restage is not installed")
	default:
		for _, component := range said.Installed.Components {
			fmt.Fprintf(out, "%s: %s\n", component.Name, component.Image)
		}
	}
}
