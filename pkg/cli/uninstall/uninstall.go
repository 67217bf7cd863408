// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package uninstall is kubectl restage uninstall.
package uninstall

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/metadata"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/output"
	"github.com/restage-dev/restage/pkg/uninstall"
)

const example = `  # What would go?
  kubectl restage uninstall --dry-run

  # Remove Restage and all that it made
  kubectl restage uninstall

  # Leave recorded traffic and the objects of the API, for a later installation
  kubectl restage uninstall --keep-data

  # Nothing of Restage runs any more, and namespaces or Deployments are stuck
  kubectl restage uninstall --rescue --yes`

// options are the flags.
type options struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	output  output.Flag
	removal uninstall.Options
	force   bool
	yes     bool
	dryRun  bool
}

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{cluster: c, streams: streams}
	command := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove Restage and everything that it made",
		Long: `Remove Restage and everything that it made.

Replays end and are restored, recording proxies are taken out of workloads, the registration of the API is taken down, and then the rest goes: what was
installed, and what was made in the namespaces of users. It refuses while something would be left behind, and says what.

With --rescue it needs no running part of Restage: a registration without a server behind it, proxies in templates, leftovers and finalizers are removed from
outside, and namespaces that they blocked go on.

Pods that got the proxy as they were made keep it until they are replaced, which is left to you: they are named, with the command that does it.

The exit code is 0 when nothing is left, 1 when something is or would be, and 2 when that could not be found out.`,
		Example:           example,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return o.run(command.Context()) },
	}
	flags := command.Flags()
	flags.StringVar(&o.removal.Namespace, "system-namespace", "", "Namespace of Restage itself. Default: where it is found, else restage-system.")
	flags.BoolVar(&o.removal.Rescue, "rescue", false, "Remove it without the help of its running parts.")
	flags.BoolVar(&o.removal.KeepData, "keep-data", false, "Keep the claims, with recorded traffic and the objects of the API in them, and the namespace that they are in.")
	flags.DurationVar(&o.removal.Timeout, "timeout", 2*time.Minute, "How long each step may take.")
	flags.BoolVar(&o.force, "force", false, "Go on although something will be left behind, and write down what.")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Do not ask.")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Only say what would be removed.")
	o.output.Add(command, output.JSON, output.YAML)
	return command
}

func (o *options) run(ctx context.Context) error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.removal.Timeout <= 0 {
		return fmt.Errorf("--timeout %v: must be positive", o.removal.Timeout)
	}
	clients, err := o.clients()
	if err != nil {
		return err
	}
	plan, err := uninstall.Survey(ctx, clients, o.removal)
	if err != nil {
		return err
	}
	if o.dryRun {
		return o.show(plan)
	}
	if len(plan.Blockers) > 0 && !o.force {
		return o.show(plan)
	}
	if plan.Empty() {
		fmt.Fprintln(o.streams.ErrOut, "There is no Restage on this cluster.")
		return o.write(&uninstall.Result{Namespace: plan.Namespace, Removed: []uninstall.Object{}, Left: slices.Concat(plan.Blockers, plan.Leave)})
	}
	if err := o.consent(plan); err != nil {
		return err
	}
	result, err := uninstall.Remove(ctx, clients, o.removal, plan, func(line string) { fmt.Fprintln(o.streams.ErrOut, line) })
	if err != nil {
		return err
	}
	for _, blocker := range plan.Blockers { // gone on with --force
		result.Left = appendNew(result.Left, blocker)
	}
	return o.write(result)
}

func (o *options) clients() (*uninstall.Clients, error) {
	config, err := o.cluster.REST()
	if err != nil {
		return nil, err
	}
	c := &uninstall.Clients{}
	if c.Kube, err = o.cluster.Kube(); err != nil {
		return nil, err
	}
	if c.Dynamic, err = o.cluster.Dynamic(); err != nil {
		return nil, err
	}
	if c.Registrations, err = o.cluster.Aggregator(); err != nil {
		return nil, err
	}
	if c.Own, err = o.cluster.Restage(); err != nil {
		return nil, err
	}
	c.Metadata, err = metadata.NewForConfig(config)
	return c, err
}

// show prints the plan; the error says that something would be left behind.
func (o *options) show(plan *uninstall.Plan) error {
	if o.output.Structured() {
		if err := o.output.Write(o.streams.Out, plan); err != nil {
			return err
		}
	} else {
		list(o.streams.Out, "To be removed:", plan.Remove)
		list(o.streams.Out, "Kept:", plan.Keep)
		list(o.streams.Out, "Left behind:", plan.Leave)
		list(o.streams.Out, "In the way:", plan.Blockers)
	}
	switch {
	case len(plan.Blockers) > 0:
		return exit.With(exit.Failed, errors.New("something would be left behind; mend it, or go on with --force"))
	case len(plan.Leave) > 0:
		return exit.With(exit.Failed, errors.New("something would be left behind"))
	}
	return nil
}

func list(out io.Writer, title string, objects []uninstall.Object) {
	if len(objects) == 0 {
		return
	}
	fmt.Fprintln(out, title)
	for _, object := range objects {
		fmt.Fprintln(out, "  "+object.String())
	}
}

// consent asks in a terminal. Elsewhere --yes is needed.
func (o *options) consent(plan *uninstall.Plan) error {
	if o.yes {
		return nil
	}
	in, ok := o.streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errors.New("--yes: must be given where nobody can be asked")
	}
	list(o.streams.ErrOut, "To be removed:", plan.Remove)
	list(o.streams.ErrOut, "Kept:", plan.Keep)
	list(o.streams.ErrOut, "Left behind:", slices.Concat(plan.Leave, plan.Blockers))
	if !o.removal.KeepData {
		fmt.Fprintln(o.streams.ErrOut, "Recorded traffic and reports on its volumes are lost; --keep-data keeps them.")
	}
	fmt.Fprint(o.streams.ErrOut, "Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errors.New("nothing was removed")
	}
	return nil
}

// write prints the result; the error says that something is left.
func (o *options) write(result *uninstall.Result) error {
	if o.output.Structured() {
		if err := o.output.Write(o.streams.Out, result); err != nil {
			return err
		}
	} else {
		list(o.streams.Out, "Kept:", result.Kept)
		list(o.streams.Out, "Left behind:", result.Left)
	}
	if len(result.Left) > 0 {
		return exit.With(exit.Failed, fmt.Errorf("%d objects are left behind", len(result.Left)))
	}
	if !o.output.Structured() && len(result.Removed) > 0 {
		fmt.Fprintln(o.streams.Out, "Restage is removed.")
	}
	return nil
}

// appendNew adds an object that is not in the list, whatever its reason.
func appendNew(all []uninstall.Object, one uninstall.Object) []uninstall.Object {
	for _, other := range all {
		if other.Kind == one.Kind && other.Namespace == one.Namespace && other.Name == one.Name {
			return all
		}
	}
	return append(all, one)
}
