// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/objects"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// newCancel returns kubectl restage replay cancel.
func newCancel(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:               "cancel NAME...",
		Short:             "End replays before their time",
		Long:              "End replays before their time. They are cleared up as after any other end, and their verdict is that they were cancelled.",
		Example:           `  kubectl restage replay cancel try --reason "the build was withdrawn"`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: complete.MoreNames(c, resource),
		RunE: func(cmd *cobra.Command, args []string) error {
			restage, namespace, err := c.Here()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range args {
				if err := cancelReplay(cmd.Context(), restage.ReplayV1alpha1().TrafficReplays(namespace), name, reason, dryRun); err != nil {
					errs = append(errs, objects.Explain(cmd.Context(), c, resource, err))
					continue
				}
				suffix := ""
				if dryRun {
					suffix = " (server dry run)"
				}
				fmt.Fprintf(streams.Out, "trafficreplay.%s/%s cancelled%s\n", v1alpha1.GroupName, name, suffix)
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "Why, for people; at most 1024 bytes.")
	cmd.Flags().BoolVar(&dryRun, "server-dry-run", false, "Only ask the server whether it would.")
	return cmd
}

func cancelReplay(ctx context.Context, client typed.TrafficReplayInterface, name, reason string, dryRun bool) error {
	options := metav1.CreateOptions{}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err := client.Cancel(ctx, name, &v1alpha1.ReplayCancellation{Reason: reason}, options)
	return err
}
