// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

// mode tells restage-proxy what its rules and its relay do.
type mode string

const (
	modeCapture mode = "Capture"
	modeIsolate mode = "Isolate"
)

// startupFailures is how many seconds the proxy has to become ready before the kubelet restarts it. In an environment it waits for the
// responder, whose image may still be on its way.
const startupFailures = 300

// readinessFailures is how many seconds in a row the proxy of a copy has to say that the responder does not answer until the pod is not ready.
const readinessFailures = 5

// initContainer writes the redirect rules. It needs root and NET_ADMIN in the pod's own network namespace, and nothing else.
func initContainer(image string, pull corev1.PullPolicy, m mode, args []string, env []corev1.EnvVar) corev1.Container {
	return corev1.Container{
		Name:            wiring.InitContainerName,
		Image:           image,
		ImagePullPolicy: pull,
		Args:            append([]string{"init", "--mode=" + string(m)}, args...),
		Env:             append(podEnv(), env...),
		Resources:       initResources(),
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                ptr.To[int64](0),
			RunAsGroup:               ptr.To[int64](0),
			RunAsNonRoot:             ptr.To(false),
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			Capabilities: &corev1.Capabilities{
				Drop: []corev1.Capability{"ALL"},
				Add:  []corev1.Capability{"NET_ADMIN"},
			},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// proxyContainer is a native sidecar: an init container that keeps running, is ready before the
// next container starts and ends after the workload.
func proxyContainer(image string, pull corev1.PullPolicy, m mode, args []string, env []corev1.EnvVar) corev1.Container {
	return corev1.Container{
		Name:            wiring.ProxyContainerName,
		Image:           image,
		ImagePullPolicy: pull,
		Args:            append([]string{"run", "--mode=" + string(m)}, args...),
		Env:             append(podEnv(), env...),
		RestartPolicy:   ptr.To(corev1.ContainerRestartPolicyAlways),
		StartupProbe: &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/readyz",
				Port: intstr.FromInt32(wiring.ProxyAdminPort),
			}},
			PeriodSeconds:    1,
			FailureThreshold: startupFailures,
		},
		SecurityContext: proxySecurity(),
	}
}

// proxySecurity is what every Pod Security level allows.
func proxySecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsUser:                ptr.To[int64](wiring.ProxyUID),
		RunAsGroup:               ptr.To[int64](wiring.ProxyUID),
		RunAsNonRoot:             ptr.To(true),
		AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem:   ptr.To(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// podEnv tells who the pod is and, by the addresses of the pod and its node, whether its owner has since given it the network of the node.
func podEnv() []corev1.EnvVar {
	return []corev1.EnvVar{
		fieldEnv("POD_NAME", "metadata.name"),
		fieldEnv("POD_NAMESPACE", "metadata.namespace"),
		fieldEnv("POD_IP", "status.podIP"),
		fieldEnv("HOST_IP", "status.hostIP"),
	}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path},
	}}
}

// fitted are our containers as they fit into a pod. A pod with resources of its own has room for as much as these say, and Kubernetes refuses one whose
// containers ask for more in sum: there ours ask for nothing, and share what the pod has.
func fitted(containers []corev1.Container, pod corev1.PodSpec) []corev1.Container {
	if pod.Resources != nil {
		for i := range containers {
			containers[i].Resources = corev1.ResourceRequirements{}
		}
	}
	return containers
}

func initResources() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("10m"),
			corev1.ResourceMemory: resource.MustParse("32Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
	}
}

// proxyResources returns what was asked for or, when nothing was, requests that suit a pod of modest traffic. The memory
// limit leaves much room over the proxy's bounded buffers, since a proxy that is killed cuts the workload's connections.
func proxyResources(asked corev1.ResourceRequirements) corev1.ResourceRequirements {
	if len(asked.Requests) > 0 || len(asked.Limits) > 0 || len(asked.Claims) > 0 {
		return asked
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("20m"),
			corev1.ResourceMemory: resource.MustParse("64Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
	}
}
