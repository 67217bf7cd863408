// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package injection computes what Restage adds to pod templates. It is pure: templates and options in,
// templates and patches out. The admission plugin and the controllers use it alike.
package injection

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Patch is what is added to the spec of a pod template. Containers and volumes are known by their names, so that
// the same patch can be merged into a whole template and be applied server-side as a part of one.
type Patch struct {
	// InitContainers in the order in which they must stand, the proxy among them as a native sidecar.
	InitContainers []corev1.Container
	// Volumes that the containers mount.
	Volumes []corev1.Volume
}

// AddTo puts the patch in front of the init containers of spec, so that nothing of the pod runs before it.
// What an earlier patch added is replaced.
func (p Patch) AddTo(spec *corev1.PodSpec) {
	removeOurs(spec)
	spec.InitContainers = slices.Concat(p.InitContainers, spec.InitContainers)
	spec.Volumes = slices.Concat(spec.Volumes, p.Volumes)
}

// removeOurs takes the containers and volumes of any of our patches out of spec. Their names are reserved.
func removeOurs(spec *corev1.PodSpec) {
	spec.InitContainers = slices.DeleteFunc(slices.Clone(spec.InitContainers), func(c corev1.Container) bool {
		return isOurContainer(c.Name)
	})
	spec.Volumes = slices.DeleteFunc(slices.Clone(spec.Volumes), func(v corev1.Volume) bool {
		return isOurVolume(v.Name)
	})
}

func isOurContainer(name string) bool {
	return name == wiring.InitContainerName || name == wiring.ProxyContainerName
}

func isOurVolume(name string) bool {
	return name == wiring.ForwarderVolume || name == wiring.EnvironmentVolume
}
