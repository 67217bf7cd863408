// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import corev1 "k8s.io/api/core/v1"

// NoMesh keeps Istio and Linkerd out of the pods of a template, whatever their namespace says. In an environment there is nobody whom a mesh
// could speak to, and its own calls to its control plane would be refused; what plays the dependencies speaks to copies, which have no mesh.
func NoMesh(template *corev1.PodTemplateSpec) {
	const istio = "sidecar.istio.io/inject" // a label in the versions of today, an annotation before
	template.Labels = merged(template.Labels, map[string]string{istio: "false", "istio.io/dataplane-mode": "none"})
	template.Annotations = merged(template.Annotations, map[string]string{istio: "false", "linkerd.io/inject": "disabled"})
}

// isMeshProxy tells whether a container is the sidecar of a mesh, by the names that Istio and Linkerd give.
func isMeshProxy(container string) bool {
	return container == "istio-proxy" || container == "linkerd-proxy"
}
