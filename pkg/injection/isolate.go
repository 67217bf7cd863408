// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// ComponentWorkload is the value of the component label on the copy of a workload.
const ComponentWorkload = "workload"

// captureAnnotations is the prefix of the annotations that ask for recording.
const captureAnnotations = "capture.restage.dev/"

// IsolateOptions say how a workload gets into an environment.
type IsolateOptions struct {
	// Environment is the name of the Environment.
	Environment string
	// Workload is the name of the workload within the environment.
	Workload string
	// Image of the proxy.
	Image string
	// ImagePullPolicy of the proxy.
	ImagePullPolicy corev1.PullPolicy
	// Resources of the proxy; empty means a default.
	Resources corev1.ResourceRequirements
	// NodeSelector is added to that of the template and wins over it.
	NodeSelector map[string]string
	// ImagePullSecrets are added to those of the template; see PullSecrets.
	ImagePullSecrets []string
	// Explicit leads connections to the proxy without rules in the pod's network.
	Explicit bool
	// PortSwaps are the ports that the workload listens on in production, and those that it listens on instead. Only with Explicit.
	PortSwaps map[int32]int32
	// Namespace of the environment.
	Namespace string
	// Path of the pod spec in the live workload, for errors.
	Path *field.Path
}

// LinkName names the ConfigMap and the Secret that join the pods of an environment to its responder.
func LinkName(environment string) string {
	return environment + "-link"
}

// WorkloadLabels are the labels of the pods of one copied workload, and all of them.
func WorkloadLabels(environment, workload string) map[string]string {
	return map[string]string{
		v1alpha1.LabelEnvironment: environment,
		v1alpha1.LabelComponent:   ComponentWorkload,
		v1alpha1.LabelWorkload:    workload,
	}
}

// Isolate returns the template that runs in an environment: a copy of the live template whose pods carry our labels only, so
// that no selector of production takes them, and whose first container shuts the pod in before anything else runs.
//
// Beyond what the proxy needs it changes what would act on production: the right to send raw packets, the scheduling
// priority and readiness gates, which nobody would open, are taken off. The error names every field because of which the
// workload cannot be isolated; it is an aggregate of *field.Error.
func Isolate(live corev1.PodTemplateSpec, opts IsolateOptions) (corev1.PodTemplateSpec, error) {
	if err := refuseIsolate(live.Spec, opts); err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      WorkloadLabels(opts.Environment, opts.Workload),
			Annotations: maps.Clone(live.Annotations),
		},
		Spec: *live.Spec.DeepCopy(),
	}
	maps.DeleteFunc(template.Annotations, func(key, _ string) bool {
		return strings.HasPrefix(key, captureAnnotations)
	})
	addIsolation(opts, &template)
	template.Spec.NodeSelector = merged(template.Spec.NodeSelector, opts.NodeSelector)
	template.Spec.PriorityClassName = ""
	template.Spec.Priority = nil
	template.Spec.PreemptionPolicy = nil
	template.Spec.ReadinessGates = nil
	dropRawPackets(template.Spec.InitContainers)
	dropRawPackets(template.Spec.Containers)
	return template, nil
}

// addIsolation puts the proxy into a template, and has all connections led to it.
func addIsolation(opts IsolateOptions, template *corev1.PodTemplateSpec) {
	isolatePatch(opts, *template).AddTo(template)
	NoMesh(template)
	if opts.Explicit {
		explicit(template, opts.Namespace)
	}
}

func isolatePatch(opts IsolateOptions, template corev1.PodTemplateSpec) Patch {
	link := LinkName(opts.Environment)
	env := []corev1.EnvVar{
		configEnv(wiring.EnvResponder, link, "responder"),
		configEnv(wiring.EnvResponderControl, link, "control"),
	}
	first := initContainer(opts.Image, opts.ImagePullPolicy, modeIsolate, []string{
		"--responder=$(" + wiring.EnvResponder + ")",
		"--control=$(" + wiring.EnvResponderControl + ")",
	}, env)
	proxy := proxyContainer(opts.Image, opts.ImagePullPolicy, modeIsolate, []string{
		"--workload=" + opts.Workload,
		"--responder=$(" + wiring.EnvResponder + ")",
		"--control=$(" + wiring.EnvResponderControl + ")",
	}, env)
	if opts.Explicit {
		noRules(&first)
		proxy.Args = append(proxy.Args, explicitArgs(DeclaredPorts(template.Spec), opts.PortSwaps)...)
	}
	proxy.Resources = proxyResources(opts.Resources)
	proxy.ReadinessProbe = proxy.StartupProbe.DeepCopy()
	proxy.ReadinessProbe.FailureThreshold = readinessFailures
	proxy.VolumeMounts = []corev1.VolumeMount{{
		Name:      wiring.EnvironmentVolume,
		MountPath: wiring.EnvironmentDir,
		ReadOnly:  true,
	}}
	patch := Patch{
		InitContainers:   fitted([]corev1.Container{first, proxy}, template.Spec),
		Volumes:          []corev1.Volume{EnvironmentVolume(link)},
		ImagePullSecrets: opts.ImagePullSecrets,
	}
	patch.addTrust(template)
	return patch
}

// EnvironmentVolume holds the token of an environment, from the Secret that LinkName names.
func EnvironmentVolume(link string) corev1.Volume {
	return corev1.Volume{
		Name: wiring.EnvironmentVolume,
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: link,
			Items:      []corev1.KeyToPath{{Key: "token", Path: "token"}},
		}},
	}
}

func configEnv(name, configMap, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap},
			Key:                  key,
		},
	}}
}

// dropRawPackets takes NET_RAW, which runtimes give by default, from the containers that are not ours:
// packet sockets go round the rules that hold the pod.
func dropRawPackets(containers []corev1.Container) {
	for i := range containers {
		c := &containers[i]
		if IsOurContainer(c.Name) {
			continue
		}
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		if c.SecurityContext.Capabilities == nil {
			c.SecurityContext.Capabilities = &corev1.Capabilities{}
		}
		dropped := &c.SecurityContext.Capabilities.Drop
		if !slices.Contains(*dropped, "ALL") && !slices.Contains(*dropped, "NET_RAW") {
			*dropped = append(*dropped, "NET_RAW")
		}
	}
}

// merged returns base with the entries of over, which win. It is nil when both are empty.
func merged(base, over map[string]string) map[string]string {
	if len(base)+len(over) == 0 {
		return nil
	}
	result := make(map[string]string, len(base)+len(over))
	maps.Copy(result, base)
	maps.Copy(result, over)
	return result
}
