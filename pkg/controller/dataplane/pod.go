// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package dataplane makes what responders and generators have in common: a restricted pod that reads its settings from a
// ConfigMap and speaks to the forwarder with rights of its own.
package dataplane

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	settingsVolume = "settings"
	// user of the process: any but root and the proxy's.
	user = 65532
)

// Pod describes the pod of a responder or a generator.
type Pod struct {
	// Container is the name of its only container.
	Container       string
	Image           string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets in the namespace.
	ImagePullSecrets []string
	Args             []string
	// Resources; empty means a small request and no limit, since what a snapshot takes in memory depends on the snapshot.
	Resources      corev1.ResourceRequirements
	NodeSelector   map[string]string
	ServiceAccount string
	// ConfigMap holds the settings file under the base name of SettingsPath.
	ConfigMap    string
	SettingsPath string
	// LinkSecret holds the token of the environment; empty when there is none.
	LinkSecret string
	// TLSSecret holds the CA of the environment with its key; empty when there is none.
	TLSSecret string
}

// Spec returns the spec of the pod, which keeps the restricted pod security standard.
func (p Pod) Spec() corev1.PodSpec {
	spec := corev1.PodSpec{
		ServiceAccountName:           p.ServiceAccount,
		AutomountServiceAccountToken: ptr.To(false),
		ImagePullSecrets:             injection.References(p.ImagePullSecrets),
		NodeSelector:                 p.NodeSelector,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To[int64](user),
			RunAsGroup:     ptr.To[int64](user),
			FSGroup:        ptr.To[int64](user),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name:            p.Container,
			Image:           p.Image,
			ImagePullPolicy: p.ImagePullPolicy,
			Args:            p.Args,
			Resources:       p.resources(),
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			VolumeMounts: []corev1.VolumeMount{
				{Name: settingsVolume, MountPath: wiring.SettingsDir, ReadOnly: true},
				{Name: wiring.ForwarderVolume, MountPath: wiring.ForwarderDir, ReadOnly: true},
			},
		}},
		Volumes: []corev1.Volume{
			{Name: settingsVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: p.ConfigMap},
			}}},
			injection.ForwarderVolume(),
		},
	}
	if p.LinkSecret != "" {
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts,
			corev1.VolumeMount{Name: wiring.EnvironmentVolume, MountPath: wiring.EnvironmentDir, ReadOnly: true})
		spec.Volumes = append(spec.Volumes, injection.EnvironmentVolume(p.LinkSecret))
	}
	if p.TLSSecret != "" {
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts,
			corev1.VolumeMount{Name: wiring.TLSVolume, MountPath: wiring.ResponderTLSDir, ReadOnly: true})
		spec.Volumes = append(spec.Volumes, corev1.Volume{
			Name: wiring.TLSVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: p.TLSSecret}},
		})
	}
	return spec
}

// SettingsKey is the key of the settings in the ConfigMap.
func (p Pod) SettingsKey() string {
	return path.Base(p.SettingsPath)
}

func (p Pod) resources() corev1.ResourceRequirements {
	if len(p.Resources.Requests) > 0 || len(p.Resources.Limits) > 0 || len(p.Resources.Claims) > 0 {
		return p.Resources
	}
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("50m"),
		corev1.ResourceMemory: resource.MustParse("64Mi"),
	}}
}
