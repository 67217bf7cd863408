// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package completion is kubectl restage completion: scripts with which a shell, or kubectl itself, completes the plugin's arguments.
package completion

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// binary is the name of the plugin's executable.
const binary = "kubectl-restage"

// plugin is what kubectl calls to complete kubectl restage; it has to be on PATH under the name kubectl_complete-restage.
const plugin = `#!/bin/sh
# kubectl calls this to complete the arguments of kubectl restage.
exec ` + binary + ` __complete "$@"
`

// scripts by the names of what they are for.
var scripts = []struct {
	name, short string
	write       func(named *cobra.Command, out io.Writer) error
}{
	{"bash", "for kubectl-restage in bash", func(c *cobra.Command, out io.Writer) error { return c.GenBashCompletionV2(out, true) }},
	{"zsh", "for kubectl-restage in zsh", func(c *cobra.Command, out io.Writer) error { return c.GenZshCompletion(out) }},
	{"fish", "for kubectl-restage in fish", func(c *cobra.Command, out io.Writer) error { return c.GenFishCompletion(out, true) }},
	{"kubectl", "for kubectl restage in every shell that kubectl completes in", func(_ *cobra.Command, out io.Writer) error {
		_, err := io.WriteString(out, plugin)
		return err
	}},
}

// New returns the command.
func New(streams genericiooptions.IOStreams) *cobra.Command {
	var names []cobra.Completion
	for _, s := range scripts {
		names = append(names, cobra.CompletionWithDesc(s.name, s.short))
	}
	return &cobra.Command{
		Use:   "completion (kubectl | bash | zsh | fish)",
		Short: "Print what completes the arguments of this plugin in a shell",
		Long: `Print what completes the arguments of this plugin in a shell. With "kubectl" it is an executable that kubectl calls when its own completion is set up, as in the
example; the others are for the plugin's executable, kubectl-restage, typed by itself.`,
		Example: `  kubectl restage completion kubectl >/usr/local/bin/kubectl_complete-restage && chmod +x /usr/local/bin/kubectl_complete-restage
  source <(kubectl restage completion bash)`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, s := range scripts {
				if s.name == args[0] {
					return s.write(&cobra.Command{Use: binary}, streams.Out)
				}
			}
			return fmt.Errorf("%q: must be kubectl, bash, zsh or fish", args[0])
		},
	}
}
