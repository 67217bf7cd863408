// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot is kubectl restage snapshot: it cuts snapshots from what was recorded, uploads them and reads their records.
package snapshot

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
)

// resource of TrafficSnapshots.
const resource = "trafficsnapshots"

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	kind := objects.Kind{Command: "snapshot", Resource: resource, Noun: "snapshot"}
	cmd := &cobra.Command{
		Use:     "snapshot",
		Aliases: []string{"snapshots"},
		Short:   "Cut snapshots from recorded traffic, upload them and read their records",
	}
	cmd.AddCommand(
		newCreate(c, streams),
		newRecords(c, streams),
		newUpload(c, streams),
		objects.List(c, streams, kind),
		objects.Delete(c, streams, kind),
	)
	return cmd
}

func nameOf(snapshot *v1alpha1.TrafficSnapshot) string {
	return "trafficsnapshot." + v1alpha1.GroupName + "/" + snapshot.Name
}
