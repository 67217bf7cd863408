// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

func TestRefuse(t *testing.T) {
	tests := map[string]struct {
		change  func(*corev1.PodSpec)
		want    string // part of the error, with the path
		capture bool   // recording is refused as well
	}{
		"host network": {
			change:  func(s *corev1.PodSpec) { s.HostNetwork = true },
			want:    "spec.template.spec.hostNetwork: Forbidden",
			capture: true,
		},
		"another operating system": {
			change:  func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: corev1.Windows} },
			want:    `spec.template.spec.os.name: Invalid value: "windows"`,
			capture: true,
		},
		"host processes": {
			change: func(s *corev1.PodSpec) { s.HostPID = true },
			want:   "spec.template.spec.hostPID",
		},
		"host IPC": {
			change: func(s *corev1.PodSpec) { s.HostIPC = true },
			want:   "spec.template.spec.hostIPC",
		},
		"pod runs as the proxy": {
			change: func(s *corev1.PodSpec) {
				s.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](wiring.ProxyUID)}
			},
			want:    "spec.template.spec.securityContext.runAsUser: Invalid value: 15100",
			capture: true,
		},
		"container runs as the proxy": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](wiring.ProxyUID)}
			},
			want:    "spec.template.spec.containers[0].securityContext.runAsUser",
			capture: true,
		},
		"init container runs as the proxy": {
			change: func(s *corev1.PodSpec) {
				s.InitContainers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](wiring.ProxyUID)}
			},
			want:    "spec.template.spec.initContainers[0].securityContext.runAsUser",
			capture: true,
		},
		"container with the proxy's name": {
			change:  func(s *corev1.PodSpec) { s.Containers[1].Name = wiring.ProxyContainerName },
			want:    `spec.template.spec.containers[1].name: Invalid value: "restage-proxy"`,
			capture: true,
		},
		"mount of the proxy's volume": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: wiring.ForwarderVolume, MountPath: "/x"}}
			},
			want:    "spec.template.spec.containers[0].volumeMounts[0].name",
			capture: true,
		},
		"port of the proxy": {
			change:  func(s *corev1.PodSpec) { s.Containers[0].Ports[0].ContainerPort = 15106 },
			want:    "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 15106",
			capture: true,
		},
		"host port": {
			change: func(s *corev1.PodSpec) { s.Containers[0].Ports[0].HostPort = 80 },
			want:   "spec.template.spec.containers[0].ports[0].hostPort",
		},
		"privileged": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
			},
			want: "spec.template.spec.containers[0].securityContext.privileged",
		},
		"NET_ADMIN": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CHOWN", "cap_net_admin"}}}
			},
			want: "spec.template.spec.containers[0].securityContext.capabilities.add[1]",
		},
		"probe of another host": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "db"}}}
			},
			want: "spec.template.spec.containers[0].readinessProbe.tcpSocket.host",
		},
		"hook to another host": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Host: "hub"}}}
			},
			want: "spec.template.spec.containers[0].lifecycle.preStop.httpGet.host",
		},
		"persistent volume": {
			change: func(s *corev1.PodSpec) {
				s.Volumes[0].VolumeSource = corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "orders"}}
			},
			want: `spec.template.spec.volumes[0].persistentVolumeClaim: Forbidden: the copy would share the data of the live workload (claim "orders"); with volumes: Ephemeral`,
		},
		"host path": {
			change: func(s *corev1.PodSpec) {
				s.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/run"}}
			},
			want: "spec.template.spec.volumes[0].hostPath",
		},
		"shared disk": {
			change: func(s *corev1.PodSpec) {
				s.Volumes[0].VolumeSource = corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nas"}}
			},
			want: "spec.template.spec.volumes[0]: Forbidden",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template := readTemplate(t, "front")
			test.change(&template.Spec)
			_, err := Isolate(template, isolateOptions())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Isolate: %v, want %q", err, test.want)
			}
			err = RefuseCapture(template.Spec, field.NewPath("spec", "template", "spec"))
			switch {
			case test.capture && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("RefuseCapture: %v, want %q", err, test.want)
			case !test.capture && err != nil:
				t.Errorf("RefuseCapture: %v, want none", err)
			}
		})
	}
}

func TestRefuseNamesEveryField(t *testing.T) {
	template := readTemplate(t, "front")
	template.Spec.HostNetwork = true
	template.Spec.Containers[0].Ports[0].HostPort = 80
	_, err := Isolate(template, isolateOptions())
	if err == nil || !strings.Contains(err.Error(), "hostNetwork") || !strings.Contains(err.Error(), "hostPort") {
		t.Errorf("got %v, want both fields", err)
	}
}
