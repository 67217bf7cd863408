// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package install is kubectl restage install.
package install

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/install/flags"
	"github.com/restage-dev/restage/pkg/cli/install/wizard"
	"github.com/restage-dev/restage/pkg/install"
)

// command is kubectl restage install with its flags.
type command struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	given   install.Options // by flags
	values  string
	output  output
	diff    bool
	wizard  bool
}

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	o := &command{cluster: c, streams: streams, given: install.Defaults()}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Print the manifests of an installation, compare them with the cluster, or install step by step",
		Long: `Print the manifests of an installation to standard output, complete and the same each time, for kubectl apply or for Git. No cluster is
asked for that. --namespace is where Restage itself runs, restage-system by default; the namespace of the kubeconfig is not used.

Flags win over the file that --values names, whose fields are called as the flags: storageURL for --storage-url.

With --diff the cluster is asked by a dry run what applying would change. The exit code is 0 when that is nothing, 1 when there are
differences, and 2 on an error.

With --wizard the few questions that matter are asked in a terminal, everything is shown before it is applied, and what has been
applied is waited for.`,
		Example: `  # Install
  kubectl restage install | kubectl apply -f -

  # Answer questions instead
  kubectl restage install --wizard

  # Images of your own registry, traffic in a bucket
  kubectl restage install --registry registry.example/mirror --image-pull-secrets mirror --storage-url 's3://traffic?region=eu-central-1' | kubectl apply -f -

  # Three servers on an etcd of yours
  kubectl restage install --ha --etcd-servers https://etcd-0.example:2379,https://etcd-1.example:2379,https://etcd-2.example:2379 | kubectl apply -f -

  # Rights on the workloads of two namespaces alone
  kubectl restage install --namespaces shop,billing | kubectl apply -f -

  # Monitors, alerts and a dashboard for the Prometheus operator
  kubectl restage install --monitoring | kubectl apply -f -

  # What an upgrade would change
  kubectl restage install --values values.yaml --diff

  # A folder for Git, with a kustomization.yaml
  kubectl restage install --values values.yaml --output-dir restage/`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	cmd.Flags().AddFlagSet(flags.For(&o.given))
	cmd.Flags().StringVar(&o.values, "values", "", "File with options in YAML or JSON, or - for standard input. Flags win over it.")
	o.output.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.diff, "diff", false, "Print how the cluster differs from the manifests, as kubectl diff does, instead of the manifests.")
	cmd.Flags().BoolVar(&o.wizard, "wizard", false, "Ask for the options in a terminal, show what will be applied, apply it on consent and wait until it is ready.")
	for _, other := range []string{"output", "output-dir"} {
		cmd.MarkFlagsMutuallyExclusive("diff", other)
		cmd.MarkFlagsMutuallyExclusive("wizard", other)
	}
	cmd.MarkFlagsMutuallyExclusive("diff", "wizard")
	addCompletion(cmd, c)
	return cmd
}

func (o *command) run(cmd *cobra.Command) error {
	options, err := flags.Read(cmd.Flags(), o.values, o.streams.In)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("namespace") {
		options.Namespace = *o.cluster.Flags.Namespace
	}
	if o.wizard {
		return wizard.Run(cmd.Context(), o.cluster, o.streams, options)
	}
	objects, err := install.Render(options)
	if err != nil {
		return err
	}
	if o.diff {
		return o.compare(cmd.Context(), objects)
	}
	return o.output.write(o.streams.Out, objects)
}

func (o *command) compare(ctx context.Context, objects []*unstructured.Unstructured) error {
	config, err := o.cluster.REST()
	if err != nil {
		return err
	}
	client, err := apply.New(config)
	if err != nil {
		return err
	}
	different, err := client.Diff(ctx, objects, o.streams)
	if err != nil {
		return fmt.Errorf("comparing the manifests with the cluster: %w", err)
	}
	if different {
		return exit.Silently(exit.Failed)
	}
	return nil
}
