// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Operation is one of a JSON patch (RFC 6902). All of ours add something.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// Operations are the patch as a JSON patch of a pod that nothing of ours was added to. They add entries to lists and write no list anew, so
// that fields of the pod which this program does not know stay as they are.
func (p Patch) Operations(pod *corev1.Pod) []Operation {
	var all []Operation
	all = append(all, prepend("/spec/initContainers", len(pod.Spec.InitContainers) == 0, p.InitContainers)...)
	all = append(all, parts("/spec/initContainers", len(p.InitContainers), pod.Spec.InitContainers, p.OfInitContainers)...)
	all = append(all, parts("/spec/containers", 0, pod.Spec.Containers, p.OfContainers)...)
	all = append(all, extend("/spec/volumes", len(pod.Spec.Volumes) == 0, p.Volumes)...)
	var secrets []corev1.LocalObjectReference
	for _, secret := range References(p.ImagePullSecrets) {
		if !slices.Contains(pod.Spec.ImagePullSecrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	return append(all, extend("/spec/imagePullSecrets", len(pod.Spec.ImagePullSecrets) == 0, secrets)...)
}

// Annotate gives a pod an annotation, in a JSON patch.
func Annotate(pod *corev1.Pod, name, value string) []Operation {
	if pod.Annotations == nil {
		return []Operation{{"add", "/metadata/annotations", map[string]string{name: value}}}
	}
	return []Operation{{"add", "/metadata/annotations/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), value}}
}

// parts adds to containers, by their names, what they get. shift is how many were put before them.
func parts(path string, shift int, containers, parts []corev1.Container) (all []Operation) {
	for i, container := range containers {
		for _, part := range parts {
			if part.Name != container.Name {
				continue
			}
			at := fmt.Sprintf("%s/%d", path, i+shift)
			all = append(all, extend(at+"/env", len(container.Env) == 0, part.Env)...)
			all = append(all, extend(at+"/volumeMounts", len(container.VolumeMounts) == 0, part.VolumeMounts)...)
		}
	}
	return all
}

// extend adds entries at the end of a list, which it makes where there is none.
func extend[T any](path string, absent bool, entries []T) (all []Operation) {
	if absent && len(entries) > 0 {
		return []Operation{{"add", path, entries}}
	}
	for _, entry := range entries {
		all = append(all, Operation{"add", path + "/-", entry})
	}
	return all
}

// prepend adds entries in front of a list.
func prepend[T any](path string, absent bool, entries []T) (all []Operation) {
	if absent {
		return extend(path, absent, entries)
	}
	for i, entry := range entries {
		all = append(all, Operation{"add", fmt.Sprintf("%s/%d", path, i), entry})
	}
	return all
}

// HasProxy tells whether a pod, or a template, has anything of ours among its containers.
func HasProxy(spec corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, func(c corev1.Container) bool { return IsOurContainer(c.Name) })
}
