// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/follow"
	"github.com/restage-dev/restage/pkg/cli/progress"
	"github.com/restage-dev/restage/pkg/workload"
)

var errTooLong = errors.New("waited for too long")

// startCommand is kubectl restage capture start.
type startCommand struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	ports   []int32
	wait    bool
	timeout time.Duration
}

func newStart(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &startCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "start KIND/WORKLOAD",
		Short: "Record a workload, and wait until its pods do",
		Long: `Record a workload, and wait until all its pods do. This sets the annotation ` + v1alpha1.AnnotationCaptureEnabled + ` on the workload; the operator adds the recording
proxy to its pod template, and its pods are rolled out anew; those of a CronJob are recorded from the next run on. With --port a TrafficCapture is made instead, which can say which
ports are recorded, and so it is for kinds whose annotations the operator does not watch: ReplicaSets, and kinds that are not Kubernetes' own.`,
		Example: `  kubectl restage capture start deploy/front
  kubectl restage capture start deploy/front --port 8080
  kubectl restage capture start sts/db
  kubectl restage capture start svc/front`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Workload(c),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.Int32SliceVar(&r.ports, "port", nil, "The container ports whose requests are recorded. Default is all TCP ports that the pod template declares.")
	flags.BoolVar(&r.wait, "wait", true, "Wait until all pods record.")
	flags.DurationVar(&r.timeout, "timeout", 5*time.Minute, "How long to wait.")
	return cmd
}

func (r *startCommand) run(ctx context.Context, argument string) error {
	t, err := find(ctx, r.cluster, argument)
	if err != nil {
		return err
	}
	captures, err := t.recording(ctx)
	if err != nil {
		return err
	}
	name := t.workload.GetName() // of the capture that the operator makes from the annotation
	switch {
	case len(captures) > 0:
		name = captures[0].Name
		if len(r.ports) > 0 && !slices.Equal(captures[0].Spec.Ports, r.ports) {
			return fmt.Errorf("--port: %s is recorded already, by %s with ports %v; edit that, or stop it first", t.name(), nameOf(&captures[0]), captures[0].Spec.Ports)
		}
		fmt.Fprintf(r.streams.Out, "%s is recorded already, by %s\n", t.name(), nameOf(&captures[0]))
	case len(r.ports) > 0 || !workload.IsWatched(t.workload.Kind):
		if err := r.create(ctx, t); err != nil {
			return err
		}
	case t.isAnnotated():
		fmt.Fprintf(r.streams.Out, "%s annotated already\n", t.name())
	default:
		if err := annotate(ctx, t, "true"); err != nil {
			return err
		}
		fmt.Fprintf(r.streams.Out, "%s annotated\n", t.name())
	}
	if !r.wait {
		return nil
	}
	ready, err := r.await(ctx, t, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.streams.Out, "%s is recorded: %d of %d pods\n", t.name(), ready.Status.RecordingPods, ready.Status.Pods)
	return nil
}

func (r *startCommand) create(ctx context.Context, t *target) error {
	capture := &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: t.workload.GetName()},
		Spec:       v1alpha1.TrafficCaptureSpec{WorkloadRef: t.workload.Reference(), Ports: r.ports},
	}
	made, err := t.captures.Create(ctx, capture, metav1.CreateOptions{FieldManager: creation.FieldManager})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.streams.Out, "%s created\n", nameOf(made))
	return nil
}

// annotate sets the annotation that has a workload recorded; nil takes it away.
func annotate(ctx context.Context, t *target, value any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationCaptureEnabled: value}}})
	if err != nil {
		return err
	}
	_, err = t.workloads.Patch(ctx, t.workload, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: creation.FieldManager})
	if err != nil {
		return fmt.Errorf("setting the annotation: %w", err)
	}
	return nil
}

// await waits until all pods record.
func (r *startCommand) await(ctx context.Context, t *target, name string) (*v1alpha1.TrafficCapture, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errTooLong)
	defer cancel()
	display := progress.New(r.streams.ErrOut)
	defer display.Close()
	display.Step("waiting for the operator to make the capture")
	last := "the operator has not made a TrafficCapture from the annotation; kubectl restage status tells whether it runs, the events of the workload whether it refused"
	tooLong := func(err error) error {
		if errors.Is(err, errTooLong) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			return fmt.Errorf("%s is not recorded by all its pods within %s: %s", t.name(), r.timeout, last)
		}
		return err
	}
	capture, err := appeared(ctx, t, name)
	if err != nil {
		return nil, tooLong(err)
	}
	var ready *v1alpha1.TrafficCapture
	err = follow.Until(ctx, t.captures, follow.Options[*v1alpha1.TrafficCapture]{
		Name: name, UID: capture.UID,
		Seen: func(now *v1alpha1.TrafficCapture) (bool, error) {
			condition := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
			if condition == nil || condition.ObservedGeneration < now.Generation {
				return false, nil
			}
			last = condition.Reason + ": " + condition.Message
			display.Step(condition.Message)
			ready = now
			return condition.Status == metav1.ConditionTrue, refusal(now, condition)
		},
		Gone: func() error { return fmt.Errorf("%s was deleted", nameOf(capture)) },
		Lost: func(err error) { display.Step("the API does not answer, trying again: " + err.Error()) },
	})
	return ready, tooLong(err)
}

// final are the reasons for which a workload is not recorded however long one waits.
var final = []string{"WorkloadNotSupported", "PodSecurity", "Duplicate", "NotInjected"}

func refusal(capture *v1alpha1.TrafficCapture, condition *metav1.Condition) error {
	if condition.Status == metav1.ConditionTrue || !slices.Contains(final, condition.Reason) {
		return nil
	}
	return fmt.Errorf("%s cannot record: %s: %s", nameOf(capture), condition.Reason, condition.Message)
}

// appeared waits for the capture to be made.
func appeared(ctx context.Context, t *target, name string) (*v1alpha1.TrafficCapture, error) {
	for ctx.Err() == nil {
		list, err := t.captures.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err != nil {
			return nil, err
		}
		if len(list.Items) > 0 && list.Items[0].DeletionTimestamp == nil {
			return &list.Items[0], nil
		}
		changes, err := t.captures.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name, ResourceVersion: list.ResourceVersion})
		if err != nil {
			return nil, err
		}
		change(ctx, changes)
	}
	return nil, context.Cause(ctx)
}

// change waits until anything has happened, if only that the watch has ended.
func change(ctx context.Context, changes watch.Interface) {
	defer changes.Stop()
	select {
	case <-changes.ResultChan():
	case <-ctx.Done():
	}
}
