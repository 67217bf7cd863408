// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/wiring"
)

// escapes are capabilities with which a container could undo the rules of its pod, or go round them.
var escapes = []corev1.Capability{"ALL", "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_MODULE"}

// RefuseCapture returns why the pods of a template cannot be recorded, nil when they can. The path is that of the pod spec in the
// workload. The error is an aggregate of *field.Error.
func RefuseCapture(spec corev1.PodSpec, path *field.Path) error {
	return append(refuseHost(spec, path), refuseContainers(spec, path, refuseShared)...).ToAggregate()
}

// RefuseNamespace returns why no pod of a namespace can be recorded, "" when they can: its pod security standard would refuse them.
func RefuseNamespace(name string, labels map[string]string) string {
	if level := RefusingLevel(labels); level != "" {
		return fmt.Sprintf("namespace %s enforces the pod security standard %q, which does not allow NET_ADMIN; "+
			"the recording proxy needs it to redirect traffic", name, level)
	}
	return ""
}

// refuseIsolate returns why the pods of a template cannot be isolated, nil when they can.
func refuseIsolate(spec corev1.PodSpec, opts IsolateOptions) error {
	podSpecPath, checks := opts.Path, []containerCheck{refuseShared, refuseEscape, refuseHostHooks}
	if opts.Explicit {
		checks = append(checks, refuseExplicit)
	}
	errs := refuseHost(spec, podSpecPath)
	if spec.HostPID {
		errs = append(errs, field.Forbidden(podSpecPath.Child("hostPID"), "an isolated workload must not see the processes of its node"))
	}
	if spec.HostIPC {
		errs = append(errs, field.Forbidden(podSpecPath.Child("hostIPC"), "an isolated workload must not speak to the processes of its node"))
	}
	errs = append(errs, refuseContainers(spec, podSpecPath, checks...)...)
	return append(errs, refuseVolumes(spec.Volumes, podSpecPath.Child("volumes"))...).ToAggregate()
}

// refuseHost refuses what would write the pod's rules into its node, a user that the rules let pass, and an operating system without them.
func refuseHost(spec corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.OS != nil && spec.OS.Name == corev1.Windows {
		errs = append(errs, field.Invalid(path.Child("os", "name"), spec.OS.Name, "the proxy and its redirect rules take Linux"))
	}
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path.Child("hostNetwork"), "redirect rules need the pod's own network"))
	}
	if sc := spec.SecurityContext; sc != nil && isProxyUID(sc.RunAsUser) {
		errs = append(errs, refuseUID(path.Child("securityContext", "runAsUser")))
	}
	return errs
}

type containerCheck func(c corev1.Container, path *field.Path) field.ErrorList

// refuseContainers checks all containers that are not ours.
func refuseContainers(spec corev1.PodSpec, path *field.Path, checks ...containerCheck) field.ErrorList {
	var errs field.ErrorList
	for i, c := range spec.InitContainers {
		if IsOurContainer(c.Name) {
			continue
		}
		for _, check := range checks {
			errs = append(errs, check(c, path.Child("initContainers").Index(i))...)
		}
	}
	for i, c := range spec.Containers {
		p := path.Child("containers").Index(i)
		if IsOurContainer(c.Name) {
			errs = append(errs, field.Invalid(p.Child("name"), c.Name, "the name is reserved for the proxy"))
		}
		for _, check := range checks {
			errs = append(errs, check(c, p)...)
		}
	}
	return errs
}

// refuseShared refuses what stands in the way of a proxy in either mode.
func refuseShared(c corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.SecurityContext != nil && isProxyUID(c.SecurityContext.RunAsUser) {
		errs = append(errs, refuseUID(path.Child("securityContext", "runAsUser")))
	}
	for i, port := range c.Ports {
		if slices.Contains(wiring.ProxyPorts(), port.ContainerPort) {
			errs = append(errs, field.Invalid(path.Child("ports").Index(i).Child("containerPort"), port.ContainerPort, "the port is taken by the proxy"))
		}
	}
	for i, mount := range c.VolumeMounts {
		if isOurVolume(mount.Name) && !isTrustMount(mount) {
			errs = append(errs, field.Invalid(path.Child("volumeMounts").Index(i).Child("name"), mount.Name, "the name is reserved for the proxy"))
		}
	}
	return errs
}

// refuseEscape refuses what would let a container out of its environment.
func refuseEscape(c corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, port := range c.Ports {
		if port.HostPort != 0 {
			errs = append(errs, field.Forbidden(path.Child("ports").Index(i).Child("hostPort"), "the copy would compete with the live workload for the node's port"))
		}
	}
	sc := c.SecurityContext
	if sc == nil {
		return errs
	}
	if sc.Privileged != nil && *sc.Privileged {
		errs = append(errs, field.Forbidden(path.Child("securityContext", "privileged"), "a privileged container could undo its isolation"))
	}
	if sc.Capabilities != nil {
		for i, capability := range sc.Capabilities.Add {
			if slices.Contains(escapes, plainCapability(capability)) {
				errs = append(errs, field.Forbidden(path.Child("securityContext", "capabilities", "add").Index(i),
					fmt.Sprintf("with %s the container could undo its isolation", capability)))
			}
		}
	}
	return errs
}

// refuseHostHooks refuses probes and hooks that the kubelet would send from the node to a host other than the pod.
func refuseHostHooks(c corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction, p *field.Path) {
		if http != nil && http.Host != "" {
			errs = append(errs, field.Forbidden(p.Child("httpGet", "host"), "the kubelet would call this host from outside the environment"))
		}
		if tcp != nil && tcp.Host != "" {
			errs = append(errs, field.Forbidden(p.Child("tcpSocket", "host"), "the kubelet would call this host from outside the environment"))
		}
	}
	probe := func(name string, probe *corev1.Probe) {
		if probe != nil {
			check(probe.HTTPGet, probe.TCPSocket, path.Child(name))
		}
	}
	hook := func(name string, hook *corev1.LifecycleHandler) {
		if hook != nil {
			check(hook.HTTPGet, hook.TCPSocket, path.Child("lifecycle", name))
		}
	}
	probe("livenessProbe", c.LivenessProbe)
	probe("readinessProbe", c.ReadinessProbe)
	probe("startupProbe", c.StartupProbe)
	if c.Lifecycle != nil {
		hook("postStart", c.Lifecycle.PostStart)
		hook("preStop", c.Lifecycle.PreStop)
	}
	return errs
}

// refuseVolumes allows volumes that are made anew for each pod or only read. All others hold
// data, or sockets, of production.
func refuseVolumes(volumes []corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, v := range volumes {
		p := path.Index(i)
		switch {
		case isOurVolume(v.Name), v.EmptyDir != nil, v.ConfigMap != nil, v.Secret != nil, v.DownwardAPI != nil,
			v.Projected != nil, v.Ephemeral != nil, v.Image != nil, v.VolumeSource == corev1.VolumeSource{}:
		case v.PersistentVolumeClaim != nil:
			errs = append(errs, field.Forbidden(p.Child("persistentVolumeClaim"),
				fmt.Sprintf("the copy would share the data of the live workload (claim %q); with volumes: Ephemeral it gets an empty volume of the "+
					"same size instead", v.PersistentVolumeClaim.ClaimName)))
		case v.HostPath != nil:
			errs = append(errs, field.Forbidden(p.Child("hostPath"), "a path of the node can lead out of the environment"))
		default:
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("volume %q is of a kind that can reach production; allowed are "+
				"emptyDir, configMap, secret, downwardAPI, projected, ephemeral and image", v.Name)))
		}
	}
	return errs
}

// plainCapability writes a capability as Kubernetes does; some runtimes take it in lower case and with its CAP_ as well.
func plainCapability(c corev1.Capability) corev1.Capability {
	return corev1.Capability(strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_"))
}

func isProxyUID(uid *int64) bool {
	return uid != nil && *uid == wiring.ProxyUID
}

func refuseUID(path *field.Path) *field.Error {
	return field.Invalid(path, wiring.ProxyUID, "this user is the proxy's; its connections are not redirected")
}
