// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/workload"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// createCommand is kubectl restage snapshot create.
type createCommand struct {
	cluster      *cluster.Cluster
	streams      genericiooptions.IOStreams
	create       *creation.Flags
	workload     string
	last         time.Duration
	since, until string
	wait         bool
	timeout      time.Duration
}

func newCreate(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &createCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "create NAME --workload deploy/WORKLOAD (--last DURATION | --since TIME [--until TIME])",
		Short: "Cut a snapshot from what was recorded of a workload",
		Long:  "Cut a snapshot from what was recorded of a workload. Times are in RFC 3339, such as 2026-11-25T14:00:00Z, or a duration ago, such as 2h.",
		Example: `  kubectl restage snapshot create monday --workload deploy/front --last 15m --wait
  kubectl restage snapshot create noon --workload deploy/front --since 2026-11-25T12:00:00Z --until 2026-11-25T12:10:00Z`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              r.run,
	}
	flags := cmd.Flags()
	flags.StringVar(&r.workload, "workload", "", "The recorded workload, as deploy/NAME.")
	flags.DurationVar(&r.last, "last", 0, "How far the snapshot reaches back, such as 15m.")
	flags.StringVar(&r.since, "since", "", "The time of the first request in the snapshot.")
	flags.StringVar(&r.until, "until", "", "The time after the last request in the snapshot. Default is now. Only with --since.")
	flags.BoolVar(&r.wait, "wait", false, "Wait until the snapshot is ready.")
	flags.DurationVar(&r.timeout, "timeout", 5*time.Minute, "How long to wait.")
	r.create = creation.Add(cmd, "created")
	complete.Flag(cmd, "workload", complete.WorkloadOf(c))
	return cmd
}

func (r *createCommand) run(cmd *cobra.Command, args []string) error {
	if err := r.create.Complete(cmd); err != nil {
		return err
	}
	restage, namespace, err := r.cluster.Here()
	if err != nil {
		return err
	}
	snapshots := restage.ReplayV1alpha1().TrafficSnapshots(namespace)
	snapshot := &v1alpha1.TrafficSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: args[0]}}
	if snapshot.Spec, err = r.spec(cmd, time.Now()); err != nil {
		return err
	}
	snapshot, err = creation.Make(r.create, snapshot, func(snapshot *v1alpha1.TrafficSnapshot, options metav1.CreateOptions) (*v1alpha1.TrafficSnapshot, error) {
		return snapshots.Create(cmd.Context(), snapshot, options)
	})
	if err != nil {
		return err
	}
	waits := r.wait && !r.create.IsDryRun()
	if !waits || !r.create.IsDocument() {
		if err := r.create.Print(snapshot, r.streams.Out); err != nil || !waits {
			return err
		}
	}
	return r.await(cmd.Context(), snapshots, snapshot)
}

func (r *createCommand) await(ctx context.Context, snapshots typed.TrafficSnapshotInterface, snapshot *v1alpha1.TrafficSnapshot) error {
	ready, err := await(ctx, snapshots, snapshot, r.timeout, r.streams.ErrOut)
	if err != nil {
		return err
	}
	if r.create.IsDocument() {
		return r.create.Print(ready, r.streams.Out)
	}
	fmt.Fprintln(r.streams.Out, describe(ready))
	return nil
}

// spec reads the flags.
func (r *createCommand) spec(cmd *cobra.Command, now time.Time) (v1alpha1.TrafficSnapshotSpec, error) {
	var spec v1alpha1.TrafficSnapshotSpec
	if r.workload == "" {
		return spec, errors.New("--workload: must name the recorded workload, as deploy/NAME")
	}
	var err error
	if spec.WorkloadRef, err = workload.Parse(r.workload, r.cluster.Mapper); err != nil {
		return spec, fmt.Errorf("--workload: %w", err)
	}
	last := cmd.Flags().Changed("last")
	switch {
	case last == (r.since != ""):
		return spec, errors.New("--last and --since: give one of them, such as --last 15m")
	case r.until != "" && r.since == "":
		return spec, errors.New("--until: needs --since")
	case last && r.last <= 0:
		return spec, fmt.Errorf("--last %s: must be positive", r.last)
	case last:
		spec.Last = &metav1.Duration{Duration: r.last}
		return spec, nil
	}
	if spec.StartTime, err = moment("--since", r.since, now); err != nil {
		return spec, err
	}
	if r.until != "" {
		if spec.EndTime, err = moment("--until", r.until, now); err != nil {
			return spec, err
		}
		if !spec.StartTime.Before(spec.EndTime) {
			return spec, fmt.Errorf("--until %q: must be after --since %q", r.until, r.since)
		}
	}
	return spec, nil
}

// moment reads a time, or how long ago it was.
func moment(flag, text string, now time.Time) (*metav1.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return &metav1.Time{Time: at}, nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return nil, fmt.Errorf("%s %q: must be a time in RFC 3339, such as 2026-11-25T14:00:00Z, or a duration ago, such as 2h", flag, text)
	}
	return &metav1.Time{Time: now.Add(-ago).Truncate(time.Second)}, nil
}
