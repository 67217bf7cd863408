// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/install"
)

func addCompletion(cmd *cobra.Command, c *cluster.Cluster) {
	for flag, values := range map[string][]string{
		"output":            formats,
		"image-pull-policy": {string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)},
		"injection":         install.Injections(),
	} {
		complete.Flag(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	complete.Flag(cmd, "namespaces", func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nextInList(complete.List(cmd.Context(), c, corev1.SchemeGroupVersion.WithResource("namespaces")), toComplete),
			cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	if err := cmd.MarkFlagDirname("output-dir"); err != nil {
		panic(err) // a mistake in the program: there is no such flag
	}
}

// nextInList completes the last of several values, comma separated, with those that are not there yet.
func nextInList(names []string, toComplete string) []cobra.Completion {
	there := ""
	if i := strings.LastIndex(toComplete, ","); i >= 0 {
		there = toComplete[:i+1]
	}
	given := strings.Split(there, ",")
	var next []cobra.Completion
	for _, name := range names {
		if !slices.Contains(given, name) {
			next = append(next, there+name)
		}
	}
	return next
}
