// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

// tokenSeconds is the lifetime of the token that proves the pod to the forwarder; the kubelet renews it.
const tokenSeconds = 3600

// settingsFlag of the proxy has what it is told as one document.
const settingsFlag = "--settings="

// CaptureOptions say how a workload is recorded.
type CaptureOptions struct {
	// Settings are what the capture wants of the proxy. Without ports only outbound traffic is recorded.
	Settings wiring.CaptureSettings
	// TLS names what the proxy needs to read TLS as Settings say, and Template whose containers are to trust it then.
	TLS      TLS
	Template corev1.PodTemplateSpec
	// Forwarder is the host:port that takes the records.
	Forwarder string
	// Image of the proxy.
	Image string
	// ImagePullPolicy of the proxy.
	ImagePullPolicy corev1.PullPolicy
	// Resources of the proxy; empty means a default.
	Resources corev1.ResourceRequirements
	// ImagePullSecrets are added to those of the template; see PullSecrets.
	ImagePullSecrets []string
}

// Capture returns what is added to a template to record its pods. The proxy stands before the container that writes the rules,
// so that traffic is never redirected to a proxy that is not there yet, whatever init containers stand around them.
//
// What the proxy reads is optional: a missing CA or key or an absent forwarder costs records, not the pod. The one thing that a pod
// needs is the image: when it cannot be pulled, new pods wait in their init phase and a rolling update keeps
// the old ones serving.
func Capture(opts CaptureOptions) Patch {
	proxy := proxyContainer(opts.Image, opts.ImagePullPolicy, modeCapture, []string{
		"--forwarder=" + opts.Forwarder,
		settingsFlag + opts.Settings.Argument(),
	}, nil)
	proxy.Resources = proxyResources(opts.Resources)
	proxy.VolumeMounts = []corev1.VolumeMount{{
		Name:      wiring.ForwarderVolume,
		MountPath: wiring.ForwarderDir,
		ReadOnly:  true,
	}}
	patch := Patch{
		InitContainers: fitted([]corev1.Container{
			proxy,
			initContainer(opts.Image, opts.ImagePullPolicy, modeCapture, []string{"--ports=" + portList(opts.Settings.Ports)}, nil),
		}, opts.Template.Spec),
		Volumes:          []corev1.Volume{recordingVolume(opts.Settings.DescriptorSet)},
		ImagePullSecrets: opts.ImagePullSecrets,
	}
	patch.addTLS(opts.TLS, opts.Template)
	return patch
}

// ForwarderVolume holds what a pod needs to speak to the forwarder and to redact: its token, the CA and the key of redaction
// tokens. All but the token is optional.
func ForwarderVolume() corev1.Volume {
	sources := []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience:          wiring.ForwarderAudience,
			ExpirationSeconds: ptr.To[int64](tokenSeconds),
			Path:              "token",
		}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: wiring.ForwarderCAConfigMap},
			Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			Optional:             ptr.To(true),
		}},
		{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: wiring.RedactionSecret},
			Items:                []corev1.KeyToPath{{Key: "redaction.key", Path: "redaction.key"}},
			Optional:             ptr.To(true),
		}},
	}
	return corev1.Volume{
		Name:         wiring.ForwarderVolume,
		VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}},
	}
}

// recordingVolume is the ForwarderVolume of a proxy, with the descriptor set in the ConfigMap of that name, if it has one.
func recordingVolume(descriptorSet string) corev1.Volume {
	volume := ForwarderVolume()
	if descriptorSet != "" {
		volume.Projected.Sources = append(volume.Projected.Sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: descriptorSet},
			Items:                []corev1.KeyToPath{{Key: wiring.DescriptorSetKey, Path: wiring.DescriptorSetKey}},
			Optional:             ptr.To(true),
		}})
	}
	return volume
}

// DeclaredPorts are the TCP ports that the containers of a template or a pod declare, sorted, without those of our containers and of the proxies
// of meshes, which a webhook may have added before.
func DeclaredPorts(spec corev1.PodSpec) []int32 {
	var ports []int32
	add := func(containers []corev1.Container) {
		for _, c := range containers {
			if IsOurContainer(c.Name) || isMeshProxy(c.Name) {
				continue
			}
			for _, p := range c.Ports {
				if p.Protocol == corev1.ProtocolTCP || p.Protocol == "" {
					ports = append(ports, p.ContainerPort)
				}
			}
		}
	}
	add(spec.InitContainers)
	add(spec.Containers)
	slices.Sort(ports)
	return slices.Compact(ports)
}

func portList[T uint16 | int32](ports []T) string {
	list := make([]string, len(ports))
	for i, port := range ports {
		list[i] = strconv.Itoa(int(port))
	}
	return strings.Join(list, ",")
}
