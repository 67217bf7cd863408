// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package override has the flags that say in what a copy of a workload differs from the live one.
package override

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/workload"
)

// Flags for the workloads of an environment.
type Flags struct {
	Workloads []string
	Images    []string
	Env       []string
	Tests     []string
	Mocks     []string
	Volumes   string
	Strategy  string

	mapper workload.Mapper
}

// Values of --volumes and --strategy.
var (
	volumes    = []string{string(v1alpha1.VolumesRefuse), string(v1alpha1.VolumesEphemeral)}
	strategies = []string{string(v1alpha1.StrategyClone), string(v1alpha1.StrategyInPlace)}
)

// AddTo adds the flags to a command, whose flag --snapshot names the snapshot. Tests are for commands that send requests.
func (f *Flags) AddTo(cmd *cobra.Command, c *cluster.Cluster, tests bool) {
	f.mapper = c.Mapper
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Workloads, "workload", nil, "The workload to copy, as deploy/NAME, sts/NAME, svc/NAME and so on; may be given several times. Default is the workload of the snapshot.")
	flags.StringVar(&f.Volumes, "volumes", "", "What becomes of the volume claims of the workloads: Refuse, the default, or Ephemeral, empty volumes of the same size.")
	flags.StringVar(&f.Strategy, "strategy", "", "How the workloads get into the environment: Clone, the default, runs copies; InPlace puts the live Deployments in and gives them back at the end.")
	flags.StringArrayVar(&f.Images, "image", nil, "Another image for a container of the copy, as CONTAINER=IMAGE, or IMAGE when there is one container.")
	flags.StringArrayVar(&f.Env, "env", nil, "An environment variable of a container of the copy, as CONTAINER:NAME=VALUE, or NAME=VALUE when there is one container or --image names one.")
	flags.StringSliceVar(&f.Mocks, "mock", nil, "The key of a slice of dependencies that are played, or a unique part of it. Default is all.")
	complete.Flag(cmd, "workload", complete.WorkloadOf(c))
	complete.Flag(cmd, "volumes", cobra.FixedCompletions(volumes, cobra.ShellCompDirectiveNoFileComp))
	complete.Flag(cmd, "strategy", cobra.FixedCompletions(strategies, cobra.ShellCompDirectiveNoFileComp))
	complete.Flag(cmd, "image", complete.Containers(c, "="))
	complete.Flag(cmd, "env", complete.Containers(c, ":"))
	complete.Flag(cmd, "mock", complete.Slices(c, complete.SnapshotFlag, v1alpha1.DirectionOutbound))
	if tests {
		flags.StringSliceVar(&f.Tests, "test", nil, "The key of a slice of requests that are replayed, or a unique part of it. Default is all.")
		complete.Flag(cmd, "test", complete.Slices(c, complete.SnapshotFlag, v1alpha1.DirectionInbound))
	}
}

// Given tells whether any of the flags was given.
func (f *Flags) Given() bool {
	return len(f.Workloads)+len(f.Images)+len(f.Env)+len(f.Tests)+len(f.Mocks)+len(f.Volumes)+len(f.Strategy) > 0
}

// Parse returns the workloads with their overrides. Without --workload it is the one that recorded returns, which is asked only when
// something of it is overridden: else there are none, and the server takes the workload of the snapshot.
func (f *Flags) Parse(recorded func() (v1alpha1.WorkloadReference, error)) ([]v1alpha1.EnvironmentWorkload, error) {
	containers, err := f.containers()
	if err != nil {
		return nil, err
	}
	if f.Volumes != "" && !slices.Contains(volumes, f.Volumes) {
		return nil, fmt.Errorf("--volumes %q: must be one of %s", f.Volumes, strings.Join(volumes, ", "))
	}
	if f.Strategy != "" && !slices.Contains(strategies, f.Strategy) {
		return nil, fmt.Errorf("--strategy %q: must be one of %s", f.Strategy, strings.Join(strategies, ", "))
	}
	overridden := len(containers)+len(f.Tests)+len(f.Mocks) > 0
	if overridden && len(f.Workloads) > 1 {
		return nil, fmt.Errorf("--image, --env, --test and --mock go with one --workload, and there are %d; write a manifest and use -f", len(f.Workloads))
	}
	var workloads []v1alpha1.EnvironmentWorkload
	for _, text := range f.Workloads {
		ref, err := workload.Parse(text, f.mapper)
		if err != nil {
			return nil, fmt.Errorf("--workload: %w", err)
		}
		workloads = append(workloads, v1alpha1.EnvironmentWorkload{Ref: ref})
	}
	if len(workloads) == 0 && (overridden || f.Volumes != "" || f.Strategy != "") {
		ref, err := recorded()
		if err != nil {
			return nil, err
		}
		workloads = []v1alpha1.EnvironmentWorkload{{Ref: ref}}
	}
	if overridden {
		workloads[0].Containers, workloads[0].Tests, workloads[0].Mocks = containers, f.Tests, f.Mocks
	}
	for i := range workloads {
		workloads[i].Volumes, workloads[i].Strategy = v1alpha1.WorkloadVolumes(f.Volumes), v1alpha1.WorkloadStrategy(f.Strategy)
	}
	return workloads, nil
}

// containers gathers what is said of each container, in the order in which they are named first.
func (f *Flags) containers() ([]v1alpha1.ContainerOverride, error) {
	var containers []v1alpha1.ContainerOverride
	of := func(name string) *v1alpha1.ContainerOverride {
		for i := range containers {
			if containers[i].Name == name {
				return &containers[i]
			}
		}
		containers = append(containers, v1alpha1.ContainerOverride{Name: name})
		return &containers[len(containers)-1]
	}
	for _, text := range f.Images {
		container, image, named := strings.Cut(text, "=")
		if !named {
			container, image = "", text
		}
		if image == "" || named && container == "" {
			return nil, fmt.Errorf("--image %q: must be CONTAINER=IMAGE or IMAGE", text)
		}
		override := of(container)
		if override.Image != "" {
			return nil, fmt.Errorf("--image %q: the container has an image already, %q", text, override.Image)
		}
		override.Image = image
	}
	imaged := "" // the only container that --image names: a variable without one is for it
	if len(containers) == 1 {
		imaged = containers[0].Name
	}
	for _, text := range f.Env {
		name, value, ok := strings.Cut(text, "=")
		container := ""
		if before, after, qualified := strings.Cut(name, ":"); qualified {
			container, name = before, after
		}
		if !ok || name == "" {
			return nil, fmt.Errorf("--env %q: must be CONTAINER:NAME=VALUE or NAME=VALUE", text)
		}
		override := of(cmp.Or(container, imaged))
		override.Env = append(override.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return containers, nil
}
