// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package check is kubectl restage check.
package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	checks "github.com/restage-dev/restage/pkg/check"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/output"
)

const example = `  # Can Restage be installed on this cluster?
  kubectl restage check --pre

  # Is the installation well, and can the workloads of two namespaces be recorded?
  kubectl restage check --for-namespace shop,bank

  # Will it run with these options, and can its images be pulled?
  kubectl restage check --pre --values values.yaml

  # In CI: warnings fail as well
  kubectl restage check --strict -o json

  # Without making a pod
  kubectl restage check --no-probe`

// options are the flags.
type options struct {
	cluster    *cluster.Cluster
	streams    genericiooptions.IOStreams
	output     output.Flag
	pre        bool
	strict     bool
	noProbe    bool
	probeImage string
	planned    planned
	targets    []string
	system     string
	timeout    time.Duration
}

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{cluster: c, streams: streams}
	command := &cobra.Command{
		Use:   "check",
		Short: "Find out whether the cluster can run Restage, or whether the Restage on it is well",
		Long: `Find out whether the cluster can run Restage, or whether the Restage on it is well.

Each line is a verdict, a reason and, where something is wrong, the command that mends it. A probe pod in each namespace that is looked at tries
the redirect rules and the cluster's DNS; it is removed at once.

Before installing, --values, and those of the flags of kubectl restage install that are here, say what will be installed: what its objects need is looked for, and the
probe pod runs its image, pulled as it will be.

The exit code is 0 when nothing failed, 1 when something did (with --strict also for warnings), and 2 when something could not be checked.`,
		Example:           example,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, _ []string) error {
			o.planned.given = command.Flags()
			return o.run(command.Context())
		},
	}
	flags := command.Flags()
	flags.BoolVar(&o.pre, "pre", false, "Check before installing, also where Restage is installed already.")
	flags.BoolVar(&o.strict, "strict", false, "End with exit code 1 for warnings as well.")
	flags.BoolVar(&o.noProbe, "no-probe", false, "Make no probe pod.")
	flags.StringVar(&o.probeImage, "probe-image", "", "Image of restage-proxy for the probe pod. Default: the one that is installed; before installing, the one that will be.")
	o.planned.addFlags(flags)
	flags.StringSliceVar(&o.targets, "for-namespace", nil, "Namespaces whose workloads are or will be recorded. Default: --namespace, else those with captures, else that of the kubeconfig.")
	flags.StringVar(&o.system, "system-namespace", "", "Namespace of Restage itself. Default: where it is found, else restage-system.")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Minute, "How long all checks together may take.")
	o.output.Add(command, output.JSON, output.YAML)
	return command
}

func (o *options) run(ctx context.Context) error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.timeout <= 0 {
		return fmt.Errorf("--timeout %v: must be positive", o.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	looked, err := o.look(ctx)
	if err != nil {
		return err
	}
	report := newReport(looked)
	lines := newLines(o.streams.Out)
	checks.Run(ctx, looked, checks.All(), func(result checks.Result) {
		report.add(result)
		if !o.output.Structured() {
			lines.print(result)
		}
	})
	if o.output.Structured() {
		if err := o.output.Write(o.streams.Out, report); err != nil {
			return err
		}
	} else {
		lines.printSummary(report)
	}
	return o.judge(report)
}

// judge makes the exit code. The lines have said the rest.
func (o *options) judge(r *report) error {
	switch {
	case r.Failed > 0:
		return exit.With(exit.Failed, fmt.Errorf("%d checks failed", r.Failed))
	case o.strict && r.Warnings > 0:
		return exit.With(exit.Failed, fmt.Errorf("%d warnings, and --strict is set", r.Warnings))
	case r.Unknown > 0:
		return exit.With(exit.Unable, errors.New("not everything could be checked"))
	}
	return nil
}
