// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/restage-dev/restage/pkg/wiring"
)

// ReadCapture reads a patch of Capture back from a pod spec that others may have written. Of the spec it takes what one capture has and another has not:
// settings, names of objects in the namespace, and what containers of the workload get. All else is made anew of the options, so that no more
// can come of a spec than Capture would make. One that cannot be ours is an error.
func ReadCapture(spec corev1.PodSpec, opts CaptureOptions) (patch Patch, err error) {
	if len(spec.InitContainers) < 2 || spec.InitContainers[0].Name != wiring.ProxyContainerName || spec.InitContainers[1].Name != wiring.InitContainerName {
		return Patch{}, fmt.Errorf("the first init containers are not %s and %s", wiring.ProxyContainerName, wiring.InitContainerName)
	}
	if opts.Settings, err = readSettings(spec.InitContainers[0].Args); err != nil {
		return Patch{}, err
	}
	if name := opts.Settings.DescriptorSet; name != "" {
		if err := checkName(name); err != nil {
			return Patch{}, err
		}
	}
	if opts.TLS, err = readVolumes(spec.Volumes); err != nil {
		return Patch{}, err
	}
	opts.ImagePullSecrets = nil
	for _, secret := range spec.ImagePullSecrets {
		if err := checkName(secret.Name); err != nil {
			return Patch{}, err
		}
		opts.ImagePullSecrets = append(opts.ImagePullSecrets, secret.Name)
	}
	opts.Template = corev1.PodTemplateSpec{}
	patch = Capture(opts)
	if patch.OfInitContainers, err = readParts(spec.InitContainers[2:], opts.TLS); err != nil {
		return Patch{}, err
	}
	if patch.OfContainers, err = readParts(spec.Containers, opts.TLS); err != nil {
		return Patch{}, err
	}
	return patch, nil
}

// Settings reads what the recording proxy of a pod was told.
func Settings(spec corev1.PodSpec) (wiring.CaptureSettings, error) {
	for _, c := range spec.InitContainers {
		if c.Name == wiring.ProxyContainerName {
			return readSettings(c.Args)
		}
	}
	return wiring.CaptureSettings{}, fmt.Errorf("no init container is %s", wiring.ProxyContainerName)
}

func readSettings(args []string) (wiring.CaptureSettings, error) {
	var documents []string
	for _, arg := range args {
		if document, ok := strings.CutPrefix(arg, settingsFlag); ok {
			documents = append(documents, document)
		}
	}
	if len(documents) != 1 {
		return wiring.CaptureSettings{}, fmt.Errorf("the proxy has %d documents of settings", len(documents))
	}
	settings, err := wiring.ParseCaptureSettings(documents[0])
	if err != nil {
		return settings, fmt.Errorf("reading the settings of the proxy: %w", err)
	}
	return settings, nil
}

// readVolumes returns what the proxy needs to read TLS.
func readVolumes(volumes []corev1.Volume) (t TLS, err error) {
	for _, v := range volumes {
		wanted := corev1.VolumeSource{Projected: v.Projected}
		if v.Name == wiring.TrustVolume {
			wanted = corev1.VolumeSource{EmptyDir: v.EmptyDir}
		}
		if !slices.Contains([]string{wiring.ForwarderVolume, wiring.TLSVolume, wiring.TrustVolume}, v.Name) || v.VolumeSource != wanted || wanted == (corev1.VolumeSource{}) {
			return TLS{}, fmt.Errorf("the volume %q is not one of ours", v.Name)
		}
		if v.Name == wiring.TLSVolume {
			if t, err = readTLS(v.Projected.Sources); err != nil {
				return TLS{}, err
			}
		}
	}
	return t, nil
}

// readTLS is the inverse of TLS.volume.
func readTLS(sources []corev1.VolumeProjection) (t TLS, err error) {
	for _, source := range sources {
		var name string
		switch {
		case source.ConfigMap != nil:
			name = source.ConfigMap.Name
			t.TrustedCAs = name
		case source.Secret != nil && len(source.Secret.Items) > 0:
			name = source.Secret.Name
			switch path.Dir(source.Secret.Items[0].Path) {
			case wiring.TLSCADir:
				t.Outbound = true
			case wiring.TLSClientDir:
				t.ClientCertificate = name
			case wiring.TLSInboundDir:
				t.Inbound = name
			}
		}
		if err := checkName(name); err != nil {
			return TLS{}, err
		}
	}
	return t, nil
}

// readParts reads what containers of the workload get: trust in the proxy, where it reads what they send.
func readParts(containers []corev1.Container, t TLS) (parts []corev1.Container, err error) {
	for _, c := range containers {
		if IsOurContainer(c.Name) {
			return nil, fmt.Errorf("the container %q stands where those of the workload do", c.Name)
		}
		if problems := validation.IsDNS1123Label(c.Name); len(problems) > 0 {
			return nil, fmt.Errorf("the name %q of a container: %s", c.Name, strings.Join(problems, "; "))
		}
		if len(without(c.Env, isTrustEnv)) > 0 || len(without(c.VolumeMounts, isTrustMount)) > 0 {
			return nil, fmt.Errorf("the container %q gets more than trust in the proxy", c.Name)
		}
		if !t.Outbound && (len(c.Env) > 0 || len(c.VolumeMounts) > 0) {
			return nil, fmt.Errorf("the container %q is to trust a proxy that reads no TLS of it", c.Name)
		}
		if !t.Outbound {
			continue
		}
		part := corev1.Container{Name: c.Name, VolumeMounts: []corev1.VolumeMount{trustMount()}}
		for _, v := range c.Env {
			part.Env = append(part.Env, corev1.EnvVar{Name: v.Name, Value: v.Value})
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func checkName(name string) error {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return fmt.Errorf("the name %q of a Secret or a ConfigMap: %s", name, strings.Join(problems, "; "))
	}
	return nil
}
