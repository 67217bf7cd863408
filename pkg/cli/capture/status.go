// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/wiring"
)

func newStatus(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:               "status KIND/WORKLOAD",
		Short:             "Say whether and why a workload is recorded, and what has been recorded",
		Example:           "  kubectl restage capture status deploy/front",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Workload(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			return status(cmd.Context(), c, streams.Out, args[0])
		},
	}
}

func status(ctx context.Context, c *cluster.Cluster, out io.Writer, argument string) error {
	t, err := find(ctx, c, argument)
	if err != nil {
		return err
	}
	captures, err := t.recording(ctx)
	if err != nil {
		return err
	}
	annotation, annotated := t.workload.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled]
	if !annotated {
		annotation = "not set"
	}
	fmt.Fprintf(out, "workload:    %s\nannotation:  %s: %s\ntemplate:    %s\n", t.name(), v1alpha1.AnnotationCaptureEnabled, annotation, templateState(t))
	if len(captures) == 0 {
		why := "none"
		if t.isAnnotated() {
			why = "none yet; the events of the workload tell when the operator has refused"
		}
		fmt.Fprintf(out, "capture:     %s\n", why)
	}
	for i := range captures {
		describe(out, &captures[i], time.Now())
	}
	return nil
}

// templateState says whether the recording proxy is in the pod template.
func templateState(t *target) string {
	for _, container := range t.workload.Template.Spec.InitContainers {
		if container.Name == wiring.ProxyContainerName {
			return "has the recording proxy, " + container.Image
		}
	}
	return "has no recording proxy"
}

func describe(out io.Writer, capture *v1alpha1.TrafficCapture, now time.Time) {
	made := "by hand"
	if len(capture.OwnerReferences) > 0 {
		made = "from the annotation"
	}
	fmt.Fprintf(out, "capture:     %s, made %s\n", nameOf(capture), made)
	if ready := meta.FindStatusCondition(capture.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		fmt.Fprintf(out, "recording:   %d of %d pods; %s: %s\n", capture.Status.RecordingPods, capture.Status.Pods, ready.Reason, ready.Message)
	}
	if c := capture.Status.Completeness; c != nil {
		fmt.Fprintf(out, "records:     %d, %d marked incomplete, %d dropped", c.Records, c.Incomplete, c.Dropped)
		if capture.Status.LastRecordTime != nil {
			fmt.Fprintf(out, "; the last one %s ago", duration.HumanDuration(now.Sub(capture.Status.LastRecordTime.Time)))
		}
		fmt.Fprintln(out)
	}
}
