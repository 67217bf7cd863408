// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package injection computes what Restage adds to pod templates. It is pure: templates and options in,
// templates and patches out. The admission plugin and the controllers use it alike.
package injection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Patch is what is added to the spec of a pod template. Containers and volumes are known by their names, so that
// the same patch can be merged into a whole template and be applied server-side as a part of one.
type Patch struct {
	// InitContainers in the order in which they must stand, the proxy among them as a native sidecar.
	InitContainers []corev1.Container
	// OfInitContainers and OfContainers are what containers of the workload get, by their names: variables and mounts, and nothing else.
	OfInitContainers, OfContainers []corev1.Container
	// Volumes that the containers mount.
	Volumes []corev1.Volume
	// ImagePullSecrets are the names that are added to those of the template; see PullSecrets.
	ImagePullSecrets []string
}

// Annotations are what the patch adds to the annotations of the template; nil for nothing.
func (p Patch) Annotations() map[string]string {
	if len(p.ImagePullSecrets) == 0 {
		return nil
	}
	return map[string]string{AnnotationPullSecrets: strings.Join(p.ImagePullSecrets, ",")}
}

// PodSpec is the patch as a part of a pod spec that can be applied server-side. Of the workload's containers it has what they get.
func (p Patch) PodSpec() (*coreapply.PodSpecApplyConfiguration, error) {
	data, err := json.Marshal(corev1.PodSpec{
		InitContainers: slices.Concat(p.InitContainers, p.OfInitContainers), Containers: p.OfContainers,
		Volumes: p.Volumes, ImagePullSecrets: References(p.ImagePullSecrets),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding what is added to a pod template: %w", err)
	}
	spec := &coreapply.PodSpecApplyConfiguration{}
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("decoding what is added to a pod template: %w", err)
	}
	for _, containers := range [][]coreapply.ContainerApplyConfiguration{spec.Containers, spec.InitContainers[len(p.InitContainers):]} {
		for i := range containers {
			containers[i].Resources = nil // the encoding has it even when it is empty, and then it would be ours
		}
	}
	if len(spec.Containers) == 0 {
		spec.Containers = nil // likewise
	}
	return spec, nil
}

// AddTo puts the patch in front of the init containers of the template, so that nothing of the pod runs before it.
// What an earlier patch added is replaced.
func (p Patch) AddTo(template *corev1.PodTemplateSpec) {
	Remove(template)
	spec := &template.Spec
	spec.InitContainers = slices.Concat(p.InitContainers, addParts(spec.InitContainers, p.OfInitContainers))
	spec.Containers = addParts(spec.Containers, p.OfContainers)
	spec.Volumes = slices.Concat(spec.Volumes, p.Volumes)
	spec.ImagePullSecrets = slices.Concat(spec.ImagePullSecrets, References(p.ImagePullSecrets))
	template.Annotations = merged(template.Annotations, p.Annotations())
}

// Remove takes out of a template all that any of our patches added. The names of its containers and volumes are reserved.
func Remove(template *corev1.PodTemplateSpec) {
	added := AddedPullSecrets(*template)
	if added != nil {
		template.Annotations = maps.Clone(template.Annotations)
		delete(template.Annotations, AnnotationPullSecrets)
	}
	spec := &template.Spec
	var own []corev1.LocalObjectReference
	for _, secret := range spec.ImagePullSecrets {
		if !slices.Contains(added, secret.Name) {
			own = append(own, secret)
		}
	}
	spec.ImagePullSecrets = own
	spec.InitContainers = without(spec.InitContainers, func(c corev1.Container) bool { return IsOurContainer(c.Name) })
	spec.InitContainers, spec.Containers = removeParts(spec.InitContainers), removeParts(spec.Containers)
	spec.Volumes = without(spec.Volumes, func(v corev1.Volume) bool { return isOurVolume(v.Name) })
}

// IsReserved tells whether an entry of a list of a pod spec has one of the names that only ours may have.
func IsReserved(list, name string) bool {
	switch list {
	case "initContainers":
		return IsOurContainer(name)
	case "volumes":
		return isOurVolume(name)
	}
	return false
}

// IsOurContainer tells whether a container has one of the names that only ours may have.
func IsOurContainer(name string) bool {
	return name == wiring.InitContainerName || name == wiring.ProxyContainerName
}

func isOurVolume(name string) bool {
	return slices.Contains(Volumes(), name)
}

// Volumes are the names of volumes that only ours may have.
func Volumes() []string {
	return []string{wiring.ForwarderVolume, wiring.EnvironmentVolume, wiring.TLSVolume, wiring.TrustVolume}
}
