// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package env is kubectl restage env: standing environments, whose mocks serve whoever calls, and plans of what would run in one.
package env

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
)

// resource of Environments.
const resource = "environments"

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	kind := objects.Kind{Command: "env", Resource: resource, Noun: "environment"}
	cmd := &cobra.Command{
		Use:     "env",
		Aliases: []string{"environment", "environments", "envs"},
		Short:   "Isolated environments that stand until they are deleted, and plans of them",
	}
	cmd.AddCommand(
		newCreate(c, streams),
		newPlan(c, streams),
		newShow(c, streams),
		objects.List(c, streams, kind),
		objects.Delete(c, streams, kind),
	)
	return cmd
}

func nameOf(environment *v1alpha1.Environment) string {
	return "environment." + v1alpha1.GroupName + "/" + environment.Name
}
