// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capture is kubectl restage capture: it has workloads recorded and says what is recorded.
package capture

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
	reference "github.com/restage-dev/restage/pkg/cli/workload"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/workload"
)

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "capture",
		Aliases: []string{"captures"},
		Short:   "Record workloads",
	}
	cmd.AddCommand(
		newStart(c, streams),
		newStop(c, streams),
		newStatus(c, streams),
		newDescriptors(streams),
		objects.List(c, streams, objects.Kind{Command: "capture", Resource: "trafficcaptures", Noun: "capture"}),
	)
	return cmd
}

// target is a workload with the clients for it.
type target struct {
	workloads workload.Client
	captures  typed.TrafficCaptureInterface
	namespace string
	workload  *workload.Workload
}

// find reads the workload that an argument names.
func find(ctx context.Context, c *cluster.Cluster, argument string) (*target, error) {
	ref, err := reference.Parse(argument, c.Mapper)
	if err != nil {
		return nil, err
	}
	t := &target{}
	if t.workloads, err = c.Workloads(); err != nil {
		return nil, err
	}
	restage, namespace, err := c.Here()
	if err != nil {
		return nil, err
	}
	t.namespace = namespace
	t.captures = restage.ReplayV1alpha1().TrafficCaptures(t.namespace)
	t.workload, err = t.workloads.Find(ctx, t.namespace, ref)
	return t, objects.ExplainWorkload(ctx, c, ref.Kind, err)
}

func (t *target) name() string { return reference.String(t.workload.Reference()) }

// isAnnotated tells whether the annotation asks for recording.
func (t *target) isAnnotated() bool {
	return t.workload.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled] == "true"
}

// recording returns the captures of a workload that are not being deleted.
func (t *target) recording(ctx context.Context) ([]v1alpha1.TrafficCapture, error) {
	list, err := t.captures.List(ctx, metav1.ListOptions{FieldSelector: "spec.workloadRef.name=" + t.workload.GetName()})
	if err != nil {
		return nil, fmt.Errorf("looking for captures of %s: %w", t.name(), err)
	}
	var captures []v1alpha1.TrafficCapture
	for _, capture := range list.Items {
		if capture.DeletionTimestamp == nil && workload.Same(capture.Spec.WorkloadRef, t.workload.Reference()) {
			captures = append(captures, capture)
		}
	}
	return captures, nil
}

func nameOf(capture *v1alpha1.TrafficCapture) string {
	return "trafficcapture." + v1alpha1.GroupName + "/" + capture.Name
}
