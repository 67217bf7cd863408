// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/injection"
)

// ParametersName is the name of the PodTemplate of a capture. The capture's own name may be too long for one with a prefix.
func ParametersName(capture types.UID) string {
	return "restage-capture-" + string(capture)
}

// Parameters are a patch as the policy reads it: as the spec of a PodTemplate that nothing makes pods from. Containers of the workload are in it by
// name, with what they get; a spec must have one, with an image. injection.ReadCapture reads it.
func Parameters(patch injection.Patch, containers []corev1.Container, image string) corev1.PodSpec {
	spec := corev1.PodSpec{
		InitContainers: slices.Clone(patch.InitContainers), Volumes: patch.Volumes, ImagePullSecrets: injection.References(patch.ImagePullSecrets),
	}
	for _, part := range patch.OfInitContainers {
		part.Image = image
		spec.InitContainers = append(spec.InitContainers, part)
	}
	parts := patch.OfContainers
	if len(parts) == 0 {
		for _, c := range containers {
			parts = append(parts, corev1.Container{Name: c.Name})
		}
	}
	for _, part := range parts {
		part.Image = image
		spec.Containers = append(spec.Containers, part)
	}
	return spec
}
