// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

// fieldManager owns what is applied.
const fieldManager = "watch-verdict"

type options struct {
	kubeconfig, namespace string
	name, snapshot        string
	workload, image       string
	buildTag              string
	wait                  time.Duration
}

// parse reads the flags and refuses what cannot be.
func parse(args []string) (*options, error) {
	o := &options{}
	flags := pflag.NewFlagSet("watch-verdict", pflag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "Path of the kubeconfig. Default is KUBECONFIG, then ~/.kube/config, then the pod's own account.")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "Namespace of snapshot and replay. Default is that of the kubeconfig.")
	flags.StringVar(&o.snapshot, "snapshot", "", "Name of the TrafficSnapshot. Required.")
	flags.StringVar(&o.name, "name", "", "Name of the TrafficReplay. One that is there already with the same settings is watched. Default is that of the snapshot with a random ending.")
	flags.StringVar(&o.workload, "workload", "", "Name of the Deployment to copy. Default is the one that was recorded.")
	flags.StringVar(&o.image, "image", "", "Image of the copy. Needs --workload, and one container in it. Default is the live one.")
	flags.StringVar(&o.buildTag, "build-tag", "", "Names the build under test in the report.")
	flags.DurationVar(&o.wait, "wait", 15*time.Minute, "How long to wait for the verdict.")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var errs []error
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if o.snapshot == "" {
		errs = append(errs, errors.New("--snapshot is required"))
	}
	if o.image != "" && o.workload == "" {
		errs = append(errs, fmt.Errorf("--image: %q needs --workload, which has that image", o.image))
	}
	if o.wait <= 0 {
		errs = append(errs, fmt.Errorf("--wait: %v must be positive", o.wait))
	}
	if o.name == "" {
		o.name = o.snapshot + "-" + rand.String(5)
	}
	return o, errors.Join(errs...)
}

// apply makes the replay. Applying rather than creating lets a CI job that was interrupted watch its replay again.
func (o *options) apply(ctx context.Context, client versioned.Interface) error {
	spec := apply.TrafficReplaySpec().WithSnapshotName(o.snapshot)
	if o.buildTag != "" {
		spec.WithBuildTag(o.buildTag)
	}
	if o.workload != "" {
		workload := apply.EnvironmentWorkload().WithRef(apply.WorkloadReference().WithName(o.workload))
		if o.image != "" {
			workload.WithContainers(apply.ContainerOverride().WithImage(o.image))
		}
		spec.WithWorkloads(workload)
	}
	replay := apply.TrafficReplay(o.name, o.namespace).WithSpec(spec)
	_, err := client.ReplayV1alpha1().TrafficReplays(o.namespace).Apply(ctx, replay, metav1.ApplyOptions{FieldManager: fieldManager})
	if err != nil {
		return fmt.Errorf("applying TrafficReplay %s: %w", o.name, err)
	}
	return nil
}
