// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package replay is kubectl restage replay: it runs replays, waits for their verdicts and shows what came of them.
package replay

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
)

// resource of TrafficReplays.
const resource = "trafficreplays"

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	kind := objects.Kind{Command: "replay", Resource: resource, Noun: "replay"}
	cmd := &cobra.Command{
		Use:     "replay",
		Aliases: []string{"replays"},
		Short:   "Replay a snapshot in an isolated environment and judge the result",
	}
	cmd.AddCommand(
		newRun(c, streams),
		newWatch(c, streams),
		newReport(c, streams),
		newLog(c, streams),
		newCancel(c, streams),
		objects.List(c, streams, kind),
		objects.Delete(c, streams, kind),
	)
	return cmd
}
