// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

// trustSize bounds the files in the trust volume: two forms of some 150 certificates.
const trustSize = "8Mi"

// trustEnv tells the usual TLS libraries whom to trust. A container gets those that it does not set itself.
func trustEnv() []corev1.EnvVar {
	bundle := path.Join(wiring.TrustDir, wiring.TrustBundle)
	return []corev1.EnvVar{
		{Name: "SSL_CERT_FILE", Value: bundle},                    // OpenSSL, Go, Python's ssl, Ruby, PHP, .NET, rustls-native-certs
		{Name: "REQUESTS_CA_BUNDLE", Value: bundle},               // Python's requests
		{Name: "CURL_CA_BUNDLE", Value: bundle},                   // curl
		{Name: "AWS_CA_BUNDLE", Value: bundle},                    // AWS SDKs and CLI
		{Name: "GIT_SSL_CAINFO", Value: bundle},                   // git
		{Name: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", Value: bundle}, // gRPC on its C core: Python, Ruby, PHP, C++
		// Node.js adds them to its own.
		{Name: "NODE_EXTRA_CA_CERTS", Value: path.Join(wiring.TrustDir, wiring.TrustCA)},
		// Every Java virtual machine reads it; what stands on its command line wins.
		{Name: "JAVA_TOOL_OPTIONS", Value: "-Djavax.net.ssl.trustStore=" + path.Join(wiring.TrustDir, wiring.TrustStore) +
			" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=" + wiring.TrustStorePassword},
	}
}

// Kept is a variable that a container sets itself, so that it is left as it is.
type Kept struct{ Container, Variable string }

// addTrust has the proxy fill the trust volume, and the containers of the workload read it. A variable that a container sets itself
// stays; see KeptVariables.
func (p *Patch) addTrust(template corev1.PodTemplateSpec) {
	p.Volumes = append(p.Volumes, corev1.Volume{Name: wiring.TrustVolume, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse(trustSize))},
	}})
	for i := range p.InitContainers {
		if c := &p.InitContainers[i]; c.Name == wiring.ProxyContainerName {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: wiring.TrustVolume, MountPath: wiring.TrustDir})
		}
	}
	parts := func(containers []corev1.Container) (parts []corev1.Container) {
		for _, c := range containers {
			if IsOurContainer(c.Name) {
				continue
			}
			part, _ := trusting(c)
			parts = append(parts, part)
		}
		return parts
	}
	p.OfInitContainers = parts(template.Spec.InitContainers)
	p.OfContainers = parts(template.Spec.Containers)
}

// trusting returns what a container gets, and the variables that it sets itself.
func trusting(c corev1.Container) (part corev1.Container, kept []Kept) {
	part = corev1.Container{Name: c.Name, VolumeMounts: []corev1.VolumeMount{trustMount()}}
	for _, ours := range trustEnv() {
		if slices.ContainsFunc(c.Env, func(own corev1.EnvVar) bool { return own.Name == ours.Name && !isTrustEnv(own) }) {
			kept = append(kept, Kept{c.Name, ours.Name})
			continue
		}
		part.Env = append(part.Env, ours)
	}
	return part, kept
}

func trustMount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: wiring.TrustVolume, MountPath: wiring.TrustDir, ReadOnly: true}
}

// isTrustMount tells whether a mount is the one that was added here. A workload that is recorded has it.
func isTrustMount(m corev1.VolumeMount) bool {
	return m.Name == wiring.TrustVolume && m.MountPath == wiring.TrustDir
}

// isTrustEnv tells whether a variable is one that was added here.
func isTrustEnv(v corev1.EnvVar) bool {
	return slices.ContainsFunc(trustEnv(), func(ours corev1.EnvVar) bool { return ours.Name == v.Name && ours.Value == v.Value })
}

// KeptVariables are the variables for trust that the containers of a template set themselves.
func KeptVariables(template corev1.PodTemplateSpec) (kept []Kept) {
	for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		if !IsOurContainer(c.Name) {
			_, own := trusting(c)
			kept = append(kept, own...)
		}
	}
	return kept
}

// addParts adds to containers, by their names, what is in parts. Those that are not there any more get nothing.
func addParts(containers, parts []corev1.Container) []corev1.Container {
	containers = slices.Clone(containers)
	for i := range containers {
		c := &containers[i]
		for _, part := range parts {
			if part.Name == c.Name {
				c.Env = slices.Concat(c.Env, part.Env)
				c.VolumeMounts = slices.Concat(c.VolumeMounts, part.VolumeMounts)
			}
		}
	}
	return containers
}

// Reaches tells whether the containers of a template have what they get from the patch, and nothing of ours besides.
func (p Patch) Reaches(spec corev1.PodSpec) bool {
	return reach(p.OfInitContainers, spec.InitContainers) && reach(p.OfContainers, spec.Containers)
}

func reach(parts, containers []corev1.Container) bool {
	for _, c := range containers {
		if IsOurContainer(c.Name) {
			continue
		}
		var part corev1.Container
		if i := slices.IndexFunc(parts, func(part corev1.Container) bool { return part.Name == c.Name }); i >= 0 {
			part = parts[i]
		}
		ours := 0
		for _, v := range c.Env {
			if isTrustEnv(v) {
				ours++
			}
		}
		present := func(wanted corev1.EnvVar) bool { return slices.Contains(c.Env, wanted) }
		mounted := slices.ContainsFunc(c.VolumeMounts, isTrustMount)
		if ours != len(part.Env) || slices.ContainsFunc(part.Env, func(v corev1.EnvVar) bool { return !present(v) }) || mounted != (len(part.VolumeMounts) > 0) {
			return false
		}
	}
	return true
}

// RemoveTrust takes out of a template what has its containers trust the proxy.
func RemoveTrust(template *corev1.PodTemplateSpec) {
	spec := &template.Spec
	spec.InitContainers, spec.Containers = removeParts(spec.InitContainers), removeParts(spec.Containers)
	spec.Volumes = without(spec.Volumes, func(v corev1.Volume) bool { return v.Name == wiring.TrustVolume })
}

// removeParts takes out of containers what addParts put in.
func removeParts(containers []corev1.Container) []corev1.Container {
	containers = slices.Clone(containers)
	for i := range containers {
		c := &containers[i]
		c.Env = without(c.Env, isTrustEnv)
		c.VolumeMounts = without(c.VolumeMounts, isTrustMount)
	}
	return containers
}

// without returns what is not ours, nil when that is nothing: so the list was before.
func without[T any](list []T, ours func(T) bool) (others []T) {
	for _, item := range list {
		if !ours(item) {
			others = append(others, item)
		}
	}
	return others
}
