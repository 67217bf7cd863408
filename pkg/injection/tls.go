// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

// TLS says what a proxy needs to read TLS, as names of objects in the workload's namespace; "": none.
type TLS struct {
	// Outbound has the connections read that the workload makes.
	Outbound bool
	// TrustedCAs is a ConfigMap with CAs that certify servers besides the public ones, under ca.crt.
	TrustedCAs string
	// ClientCertificate is a Secret with the certificate for servers that ask for one, Inbound one with the workload's own.
	ClientCertificate, Inbound string
}

// volume has what the proxy reads, and nobody else mounts it. All of it is optional: what is missing costs records, not the pod.
func (t TLS) volume() corev1.Volume {
	var sources []corev1.VolumeProjection
	secret := func(name, dir string, keys ...string) {
		if name == "" {
			return
		}
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: under(dir, keys), Optional: ptr.To(true),
		}})
	}
	if t.Outbound {
		secret(wiring.TLSCASecret, wiring.TLSCADir, wiring.TLSCACertificate, wiring.TLSCAKey)
	}
	secret(t.ClientCertificate, wiring.TLSClientDir, wiring.TLSCertificate, wiring.TLSKey)
	secret(t.Inbound, wiring.TLSInboundDir, wiring.TLSCertificate, wiring.TLSKey)
	if t.TrustedCAs != "" {
		sources = append(sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: t.TrustedCAs},
			Items:                under(wiring.TLSAddedDir, []string{wiring.TLSCACertificate}), Optional: ptr.To(true),
		}})
	}
	return corev1.Volume{Name: wiring.TLSVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}}
}

func under(dir string, keys []string) (items []corev1.KeyToPath) {
	for _, key := range keys {
		items = append(items, corev1.KeyToPath{Key: key, Path: dir + "/" + key})
	}
	return items
}

// Settings are what the proxy is told.
func (t TLS) Settings() wiring.TLSSettings {
	return wiring.TLSSettings{Outbound: t.Outbound, Inbound: t.Inbound != "", ClientCertificate: t.ClientCertificate != ""}
}

// addTLS has the proxy read TLS, and the containers of a template trust it.
func (p *Patch) addTLS(t TLS, template corev1.PodTemplateSpec) {
	if t == (TLS{}) {
		return
	}
	p.Volumes = append(p.Volumes, t.volume())
	for i := range p.InitContainers {
		if c := &p.InitContainers[i]; c.Name == wiring.ProxyContainerName {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: wiring.TLSVolume, MountPath: wiring.TLSDir, ReadOnly: true})
		}
	}
	if t.Outbound {
		p.addTrust(template)
	}
}

// ReadsTLS tells whether the recording proxy in a pod reads the connections that the workload makes.
func ReadsTLS(spec corev1.PodSpec) bool {
	settings, err := Settings(spec)
	return err == nil && settings.TLS.Outbound
}
