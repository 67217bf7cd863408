// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

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
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/objects"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// clearingUp is how long a replay that was interrupted is waited for.
const clearingUp = 2 * time.Minute

// runCommand is kubectl restage replay run.
type runCommand struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	spec    specFlags
	create  *creation.Flags
	report  string
	wait    bool
	detach  bool
}

func newRun(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &runCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "run [NAME] (--snapshot SNAPSHOT | -f FILENAME)",
		Short: "Run a replay, wait for its verdict and exit with it",
		Long: `Run a replay and wait for its verdict. Progress goes to standard error, the verdict to standard output. The exit code is
0 when the replay passed, 1 when it failed, and 2 when it could not run or could not be judged. An interrupt (Ctrl-C) cancels the replay and
waits until it has ended; a second one leaves at once. Without NAME a name is made from that of the snapshot.`,
		Example: `  # Replay what was recorded against the image that is live
  kubectl restage replay run --snapshot monday

  # Against another image, with a report for CI
  kubectl restage replay run try --snapshot monday --image app=registry.example/front:next --report report.xml

  # Twice as fast, with a goal
  kubectl restage replay run --snapshot monday --speed 2 --goal fast='summary.replayed.p99 < 0.5'

  # See the object that would be made
  kubectl restage replay run try --snapshot monday --dry-run=server -o yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              r.run,
	}
	r.spec.addTo(cmd, c)
	flags := cmd.Flags()
	flags.StringVar(&r.report, "report", "", "Write the report to this file; its ending says in which format: .html, .json or .xml (JUnit).")
	flags.BoolVar(&r.wait, "wait", true, "Wait for the verdict.")
	flags.BoolVar(&r.detach, "detach", false, "An interrupt stops the waiting and lets the replay go on.")
	r.create = creation.Add(cmd, "created")
	return cmd
}

func (r *runCommand) run(cmd *cobra.Command, args []string) error {
	if err := r.create.Complete(cmd); err != nil {
		return err
	}
	format, err := formatOfFile(r.report)
	if err != nil {
		return err
	}
	if format != nil && !r.wait {
		return errors.New("--report needs a verdict, which --wait=false does not wait for")
	}
	namespace, err := r.cluster.Namespace()
	if err != nil {
		return err
	}
	replay, err := r.spec.replay(cmd, args, namespace, r.cluster.Restage)
	if err != nil {
		return err
	}
	var client typed.TrafficReplayInterface
	replay, err = creation.Make(r.create, replay, func(replay *v1alpha1.TrafficReplay, options metav1.CreateOptions) (*v1alpha1.TrafficReplay, error) {
		restage, err := r.cluster.Restage()
		if err != nil {
			return nil, err
		}
		client = restage.ReplayV1alpha1().TrafficReplays(replay.Namespace)
		return client.Create(cmd.Context(), replay, options)
	})
	if err != nil {
		return err
	}
	waits := r.wait && !r.create.IsDryRun()
	if !waits || !r.create.IsDocument() {
		if err := r.create.Print(replay, r.streams.Out); err != nil || !waits {
			return err
		}
	}
	return r.await(cmd.Context(), client, replay, format)
}

// await waits for the verdict, prints it and writes the report.
func (r *runCommand) await(ctx context.Context, client typed.TrafficReplayInterface, replay *v1alpha1.TrafficReplay, format *format) error {
	ended, err := await(ctx, client, replay, r.streams.ErrOut)
	if ctx.Err() != nil && ended == nil {
		ended, err = r.interrupted(ctx, client, replay)
	}
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	out := r.streams.Out
	if r.create.IsDocument() {
		if err := r.create.Print(ended, out); err != nil {
			return err
		}
		out = r.streams.ErrOut
	}
	reports, err := newReports(r.cluster, ended.Namespace)
	if err != nil {
		return err
	}
	document, missing := reports.document(ctx, ended.Name)
	printVerdict(out, ended, document)
	if format != nil {
		if err := reports.write(ctx, ended.Name, *format, r.report); err != nil {
			return errors.Join(verdict(ended), err)
		}
		fmt.Fprintf(r.streams.ErrOut, "the report is in %s\n", r.report)
	} else if missing != nil && wasJudged(ended) {
		fmt.Fprintf(r.streams.ErrOut, "the report cannot be read: %v\n", missing)
	}
	return verdict(ended)
}

// interrupted cancels a replay whose waiting was interrupted, and waits for its end.
func (r *runCommand) interrupted(ctx context.Context, client typed.TrafficReplayInterface, replay *v1alpha1.TrafficReplay) (*v1alpha1.TrafficReplay, error) {
	if r.detach {
		return nil, fmt.Errorf("interrupted; the replay goes on: kubectl restage replay watch %s -n %s", replay.Name, replay.Namespace)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearingUp)
	defer cancel()
	fmt.Fprintf(r.streams.ErrOut, "interrupted; cancelling %s\n", nameOf(replay))
	if err := cancelReplay(ctx, client, replay.Name, "kubectl restage replay run was interrupted", false); err != nil {
		return nil, fmt.Errorf("cancelling the replay: %w", err)
	}
	return await(ctx, client, replay, r.streams.ErrOut)
}

// verdict is the exit code of a replay that has ended, with an error that says no more than what was printed.
func verdict(replay *v1alpha1.TrafficReplay) error {
	switch replay.Status.Phase {
	case v1alpha1.PhasePassed, v1alpha1.PhaseEnded:
		return nil
	case v1alpha1.PhaseFailed:
		return exit.With(exit.Failed, fmt.Errorf("%s failed", nameOf(replay)))
	case v1alpha1.PhaseCancelled:
		return exit.With(exit.Unable, fmt.Errorf("%s was cancelled", nameOf(replay)))
	default:
		return exit.With(exit.Unable, fmt.Errorf("%s could not be judged", nameOf(replay)))
	}
}

func wasJudged(replay *v1alpha1.TrafficReplay) bool {
	return replay.Status.Phase == v1alpha1.PhasePassed || replay.Status.Phase == v1alpha1.PhaseFailed
}

func nameOf(replay *v1alpha1.TrafficReplay) string {
	return "trafficreplay." + v1alpha1.GroupName + "/" + replay.Name
}

// newWatch returns kubectl restage replay watch.
func newWatch(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "watch NAME",
		Short: "Wait for the verdict of a replay and exit with it",
		Long: `Wait for the verdict of a replay that runs, or has ended, and exit with 0 when it passed, 1 when it failed, and 2 when it could not run or
could not be judged. An interrupt (Ctrl-C) ends the waiting and not the replay.`,
		Example:           "  kubectl restage replay watch try",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			restage, namespace, err := c.Here()
			if err != nil {
				return err
			}
			client := restage.ReplayV1alpha1().TrafficReplays(namespace)
			replay, err := client.Get(cmd.Context(), args[0], metav1.GetOptions{})
			if err != nil {
				return objects.Explain(cmd.Context(), c, resource, err)
			}
			r := &runCommand{cluster: c, streams: streams, detach: true, create: &creation.Flags{}}
			return r.await(cmd.Context(), client, replay, nil)
		},
	}
}
