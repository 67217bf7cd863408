// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/follow"
	"github.com/restage-dev/restage/pkg/cli/progress"
)

// stopCommand is kubectl restage capture stop.
type stopCommand struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	wait    bool
	timeout time.Duration
}

func newStop(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &stopCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "stop KIND/WORKLOAD",
		Short: "Stop recording a workload, and wait until nothing of the proxy is left in its pod template",
		Long: `Stop recording a workload: the annotation and every TrafficCapture of it go, and the operator takes the recording proxy out of its pod template. What
was recorded stays for the time that the installation keeps it.`,
		Example:           "  kubectl restage capture stop deploy/front",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Workload(c),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVar(&r.wait, "wait", true, "Wait until the proxy is out of the pod template.")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 5*time.Minute, "How long to wait.")
	return cmd
}

func (r *stopCommand) run(ctx context.Context, argument string) error {
	t, err := find(ctx, r.cluster, argument)
	if err != nil {
		return err
	}
	captures, err := t.recording(ctx)
	if err != nil {
		return err
	}
	_, annotated := t.workload.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled]
	if !annotated && len(captures) == 0 {
		fmt.Fprintf(r.streams.Out, "%s is not recorded\n", t.name())
		return nil
	}
	if annotated { // first, so that the operator does not make the capture again
		if err := annotate(ctx, t, nil); err != nil {
			return err
		}
		fmt.Fprintf(r.streams.Out, "%s annotation removed\n", t.name())
	}
	for i := range captures {
		if err := r.delete(ctx, t, &captures[i]); err != nil {
			return err
		}
	}
	if !r.wait {
		return nil
	}
	for i := range captures {
		if err := r.await(ctx, t, &captures[i]); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.streams.Out, "%s is no longer recorded\n", t.name())
	return nil
}

func (r *stopCommand) delete(ctx context.Context, t *target, capture *v1alpha1.TrafficCapture) error {
	err := t.captures.Delete(ctx, capture.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(capture.UID))})
	if apierrors.IsNotFound(err) { // the operator was faster
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(r.streams.Out, "%s deleted\n", nameOf(capture))
	return nil
}

// await waits until a capture is gone; its finalizer holds it until the proxy is out.
func (r *stopCommand) await(ctx context.Context, t *target, capture *v1alpha1.TrafficCapture) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errTooLong)
	defer cancel()
	display := progress.New(r.streams.ErrOut)
	defer display.Close()
	err := follow.Until(ctx, t.captures, follow.Options[*v1alpha1.TrafficCapture]{
		Name: capture.Name, UID: capture.UID,
		Seen: func(*v1alpha1.TrafficCapture) (bool, error) {
			display.Step("waiting for the operator to take the proxy out")
			return false, nil
		},
		Gone: func() error { return nil },
		Lost: func(err error) { display.Step("the API does not answer, trying again: " + err.Error()) },
	})
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("the proxy is not out of %s within %s; kubectl restage status tells whether the operator runs", t.name(), r.timeout)
	}
	return err
}
