// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package objects has the commands that are the same for all our kinds, as kubectl has them: list, get and delete.
package objects

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd/delete"
	"k8s.io/kubectl/pkg/cmd/get"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
)

// Kind of objects.
type Kind struct {
	// Command is the name of the command above, such as replay; Resource is that of the API, such as trafficreplays; Noun is for
	// sentences, such as replay.
	Command, Resource, Noun string
}

func (k Kind) qualified() string { return k.Resource + "." + v1alpha1.GroupName }

// List returns the command that lists objects, or gets those that are named.
func List(c *cluster.Cluster, streams genericiooptions.IOStreams, kind Kind) *cobra.Command {
	o := get.NewGetOptions("kubectl restage", streams)
	cmd := &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"get", "ls"},
		Short:   fmt.Sprintf("List %ss, or get those that are named", kind.Noun),
		Example: example(kind, "list", "", "-A -o wide", "monday -o yaml", "-w"),
		RunE: func(cmd *cobra.Command, args []string) error {
			factory := cmdutil.NewFactory(c.Flags)
			args = append([]string{kind.qualified()}, args...)
			if err := o.Complete(factory, cmd, args); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return err
			}
			return o.Run(factory, args)
		},
		ValidArgsFunction: complete.MoreNames(c, kind.Resource),
	}
	o.PrintFlags.AddFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.Watch, "watch", "w", false, "After listing, watch for changes.")
	flags.BoolVar(&o.WatchOnly, "watch-only", false, "Watch for changes without listing first.")
	flags.BoolVar(&o.IgnoreNotFound, "ignore-not-found", false, "A named object that does not exist is no error.")
	flags.StringVar(&o.FieldSelector, "field-selector", "", "List the objects whose fields fit, such as metadata.name=monday.")
	flags.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "List the objects of all namespaces.")
	cmdutil.AddChunkSizeFlag(cmd, &o.ChunkSize)
	cmdutil.AddLabelSelectorFlagVar(cmd, &o.LabelSelector)
	return cmd
}

// Delete returns the command that deletes objects and waits until they are gone.
func Delete(c *cluster.Cluster, streams genericiooptions.IOStreams, kind Kind) *cobra.Command {
	deletion := delete.NewDeleteCommandFlags("")
	deletion.FileNameFlags, deletion.Force, deletion.GracePeriod, deletion.Now, deletion.Raw = nil, nil, nil, nil, nil
	cmd := &cobra.Command{
		Use:     "delete (NAME... | -l label | --all)",
		Short:   fmt.Sprintf("Delete %ss, and wait until they are gone", kind.Noun),
		Example: example(kind, "delete", "monday", "--all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := deletion.ToOptions(nil, streams)
			if err != nil {
				return err
			}
			o.GracePeriod = -1 // the server's own
			factory := cmdutil.NewFactory(c.Flags)
			if err := o.Complete(factory, append([]string{kind.qualified()}, args...), cmd); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return err
			}
			return o.RunDelete(factory)
		},
		ValidArgsFunction: complete.MoreNames(c, kind.Resource),
	}
	deletion.AddFlags(cmd)
	cmdutil.AddDryRunFlag(cmd)
	return cmd
}

func example(kind Kind, verb string, arguments ...string) string {
	lines := make([]string, len(arguments))
	for i, a := range arguments {
		lines[i] = strings.TrimRight(fmt.Sprintf("  kubectl restage %s %s %s", kind.Command, verb, a), " ")
	}
	return strings.Join(lines, "\n")
}
