// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	dataVolume = "data"
	dataDir    = "/var/lib/restage"
	// graceSeconds lets the forwarder seal what it holds.
	graceSeconds = 30
	// restrictedUser is any user but root; the volume is made writable for it.
	restrictedUser = 65532
)

// Options of the forwarder's Deployment.
type Options struct {
	Image           string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets in our namespace.
	ImagePullSecrets []string
	// PriorityClassName of the pod; may be empty.
	PriorityClassName string
	// StorageURL is where traffic, snapshots and reports are kept; empty means on the forwarder's own volume.
	StorageURL   string
	Certificates certs.Lifetimes
	// LogArguments say how the forwarder logs; none leaves its defaults.
	LogArguments []string
}

// selector picks the forwarder's pods. It never changes: a Deployment cannot change its own.
func selector() map[string]string {
	return map[string]string{"app.kubernetes.io/name": Name, "app.kubernetes.io/part-of": "restage"}
}

// service takes records from pods of the whole cluster, also from those that are up before it.
func service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: selector()},
		Spec: corev1.ServiceSpec{
			Selector: selector(),
			Ports: []corev1.ServicePort{{
				Name:       "grpc",
				Protocol:   corev1.ProtocolTCP,
				Port:       wiring.ForwarderPort,
				TargetPort: intstr.FromInt32(wiring.ForwarderPort),
			}},
		},
	}
}

// deployment runs one forwarder on the claim that the manifests bring. Its log is one writer's, so the old pod ends
// before the new one starts.
func deployment(o Options) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: selector()},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](1),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: selector()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: selector()},
				Spec: corev1.PodSpec{
					ServiceAccountName:            Name,
					ImagePullSecrets:              injection.References(o.ImagePullSecrets),
					PriorityClassName:             o.PriorityClassName,
					TerminationGracePeriodSeconds: ptr.To[int64](graceSeconds),
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot:        ptr.To(true),
						RunAsUser:           ptr.To[int64](restrictedUser),
						RunAsGroup:          ptr.To[int64](restrictedUser),
						FSGroup:             ptr.To[int64](restrictedUser),
						FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
						SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{container(o)},
					Volumes: []corev1.Volume{{
						Name: dataVolume,
						VolumeSource: corev1.VolumeSource{
							PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: Name},
						},
					}},
				},
			},
		},
	}
}

func container(o Options) corev1.Container {
	return corev1.Container{
		Name:            "forwarder",
		Image:           o.Image,
		ImagePullPolicy: o.ImagePullPolicy,
		Args:            arguments(o),
		Env: []corev1.EnvVar{{Name: "POD_NAMESPACE", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
		}}},
		Ports: []corev1.ContainerPort{
			{Name: "grpc", ContainerPort: wiring.ForwarderPort, Protocol: corev1.ProtocolTCP},
			{Name: "health", ContainerPort: wiring.ForwarderHealthPort, Protocol: corev1.ProtocolTCP},
		},
		// When it cannot open its storage it says why and ends; this puts that into the status of the pod.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		ReadinessProbe:           probe("/readyz", 2),
		LivenessProbe:            probe("/livez", 10),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("50m"),
				corev1.ResourceMemory: resource.MustParse("128Mi"),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: dataVolume, MountPath: dataDir}},
	}
}

func arguments(o Options) []string {
	args := []string{"--data-dir=" + dataDir, o.Certificates.Argument()}
	if o.StorageURL != "" {
		args = append(args, "--storage-url="+o.StorageURL)
	}
	return append(args, o.LogArguments...)
}

func probe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromInt32(wiring.ForwarderHealthPort), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds:    period,
		TimeoutSeconds:   5, // a busy node is no reason to end it
		FailureThreshold: 6,
	}
}
