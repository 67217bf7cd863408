// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// InPlace returns the template of a live workload that is itself in an environment: what Isolate adds, and the labels of a copy besides those
// that it has. What a copy would get at, such as its volumes and its place on a node, is the workload's own and stays. One that is
// recorded is refused: two of our proxies do not fit into a pod. The error is an aggregate of *field.Error.
func InPlace(live corev1.PodTemplateSpec, opts IsolateOptions) (corev1.PodTemplateSpec, error) {
	template := *live.DeepCopy()
	if err := refuseInPlace(template.Spec, opts); err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	addIsolation(opts, &template)
	template.Labels = merged(template.Labels, WorkloadLabels(opts.Environment, opts.Workload))
	dropRawPackets(template.Spec.InitContainers)
	dropRawPackets(template.Spec.Containers)
	return template, nil
}

// refuseInPlace returns why a live workload cannot be isolated, nil when it can.
func refuseInPlace(spec corev1.PodSpec, opts IsolateOptions) error {
	for i, c := range spec.InitContainers {
		if IsOurContainer(c.Name) {
			return field.Forbidden(opts.Path.Child("initContainers").Index(i),
				"the workload is being recorded; end its TrafficCapture before, or use the strategy Clone")
		}
	}
	own := *spec.DeepCopy()
	own.Volumes = slices.DeleteFunc(own.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil })
	for i := range own.Containers {
		for j := range own.Containers[i].Ports {
			own.Containers[i].Ports[j].HostPort = 0
		}
	}
	return refuseIsolate(own, opts)
}
