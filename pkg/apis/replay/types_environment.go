// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Environment is an isolated environment around a copy of one or more workloads. Its dependencies
// are played from a snapshot, and nothing else gets out.
type Environment struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   EnvironmentSpec
	Status EnvironmentStatus
}

// EnvironmentSpec says what an environment is made of. It is immutable.
type EnvironmentSpec struct {
	ClassName    string
	SnapshotName string
	Workloads    []EnvironmentWorkload
	Responder    ResponderProfile
}

// WorkloadStrategy says how a workload gets into an environment.
type WorkloadStrategy string

const (
	// StrategyClone runs a copy of the workload and leaves the live one alone.
	StrategyClone WorkloadStrategy = "Clone"
	// StrategyInPlace puts the live workload itself into the environment and gives it back at the end.
	StrategyInPlace WorkloadStrategy = "InPlace"
)

// WorkloadVolumes says what becomes of the volume claims of a workload in its copy.
type WorkloadVolumes string

const (
	// VolumesRefuse refuses to copy a workload with claims.
	VolumesRefuse WorkloadVolumes = "Refuse"
	// VolumesEphemeral gives the copy an empty volume of the size of the claim.
	VolumesEphemeral WorkloadVolumes = "Ephemeral"
)

// EnvironmentWorkload is one workload of an environment.
type EnvironmentWorkload struct {
	Name       string
	Ref        WorkloadReference
	Strategy   WorkloadStrategy
	Volumes    WorkloadVolumes
	Containers []ContainerOverride
	Tests      []string
	Mocks      []string
	Template   *corev1.PodTemplateSpec
}

// ContainerOverride changes one container of the copy.
type ContainerOverride struct {
	Name      string
	Image     string
	Env       []corev1.EnvVar
	PortSwaps []PortSwap
}

// PortSwap has a container listen on another port.
type PortSwap struct {
	Port     int32
	To       int32
	Variable string
	Argument string
}

// EgressCounts counts the connections that workloads of an environment tried to make.
type EgressCounts struct {
	Attempted int64
	Answered  int64
	Internal  int64
	Refused   int64
	Escaped   int64
	Dropped   int64
}

// EnvironmentStatus says how far an environment is.
type EnvironmentStatus struct {
	ObservedGeneration int64
	Conditions         []metav1.Condition
	ResponderAddress   string
	Endpoints          []EnvironmentEndpoint
	Egress             *EgressCounts
}

// EnvironmentIsolated is a condition of an Environment.
const EnvironmentIsolated = "Isolated"

// EnvironmentEndpoint is where one copy takes requests.
type EnvironmentEndpoint struct {
	Workload string
	Host     string
	Ports    []int32
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentList is a list of Environments.
type EnvironmentList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []Environment
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentClass holds the platform team's defaults and limits for environments. The class with the annotation
// environmentclass.replay.restage.dev/is-default-class: "true" is taken where none is named.
type EnvironmentClass struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec EnvironmentClassSpec
}

// EnvironmentClassSpec holds defaults and limits for environments.
type EnvironmentClassSpec struct {
	ProxyResources     corev1.ResourceRequirements
	ResponderResources corev1.ResourceRequirements
	GeneratorResources corev1.ResourceRequirements
	ImagePullPolicy    corev1.PullPolicy
	Interception       Interception
	NodeSelector       map[string]string
	MaxTimeout         *metav1.Duration
	Limits             *EnvironmentLimits
}

// Interception says how the connections of a pod are led to the proxy.
type Interception string

const (
	// InterceptionAuto is Redirect unless the namespace does not allow it, and Explicit then.
	InterceptionAuto Interception = "Auto"
	// InterceptionRedirect has rules in the pod's own network lead all connections to the proxy.
	InterceptionRedirect Interception = "Redirect"
	// InterceptionExplicit has names and proxy variables lead the workload to the proxy.
	InterceptionExplicit Interception = "Explicit"
)

// EnvironmentLimits bound what replays may ask for.
type EnvironmentLimits struct {
	MaxConcurrentReplaysPerWorkload *int32
	MaxWorkloads                    *int32
	MaxSpeed                        string
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentClassList is a list of EnvironmentClasses.
type EnvironmentClassList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []EnvironmentClass
}
