// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"

// Environment is an isolated environment around a copy of one or more workloads. Its dependencies
// are played from a snapshot, and nothing else gets out.
type Environment struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the environment is made of. Immutable.
	Spec EnvironmentSpec `json:"spec"`
	// status says how far the environment is.
	// +optional
	Status EnvironmentStatus `json:"status,omitempty"`
}

// EnvironmentSpec says what an environment is made of. It is immutable.
type EnvironmentSpec struct {
	// className names the EnvironmentClass. The default class is taken when it is empty.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	ClassName string `json:"className,omitempty"`
	// snapshotName names the TrafficSnapshot, in the same namespace, that dependencies are played from.
	// +k8s:required
	// +k8s:format=k8s-long-name
	SnapshotName string `json:"snapshotName"`
	// workloads are copied into the environment.
	// +listType=atomic
	// +k8s:required
	// +k8s:listType=atomic
	// +k8s:unique=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=32
	Workloads []EnvironmentWorkload `json:"workloads"`
	// responder says how the dependencies are played.
	// +optional
	Responder ResponderProfile `json:"responder,omitempty"`
}

// WorkloadStrategy says how a workload gets into an environment.
// +enum
// +k8s:enum
type WorkloadStrategy string

const (
	// StrategyClone runs a copy of the workload and leaves the live one alone.
	StrategyClone WorkloadStrategy = "Clone"
	// StrategyInPlace puts the live workload itself into the environment and gives it back at the end.
	StrategyInPlace WorkloadStrategy = "InPlace"
)

// WorkloadVolumes says what becomes of the volume claims of a workload in its copy.
// +enum
// +k8s:enum
type WorkloadVolumes string

const (
	// VolumesRefuse refuses to copy a workload with claims.
	VolumesRefuse WorkloadVolumes = "Refuse"
	// VolumesEphemeral gives the copy an empty volume of the size of the claim, which goes with its pod.
	VolumesEphemeral WorkloadVolumes = "Ephemeral"
)

// EnvironmentWorkload is one workload of an environment.
type EnvironmentWorkload struct {
	// name of the workload within the environment. Defaults to ref.name.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-short-name
	Name string `json:"name,omitempty"`
	// ref names the live workload, in the namespace of the environment.
	Ref WorkloadReference `json:"ref"`
	// strategy says how the workload gets into the environment. Clone, the default, runs a copy of the workload and leaves the
	// live one alone. InPlace changes the live Deployment itself, so that its pods are isolated and serve nobody but
	// the replay, and gives it back exactly as it was at the end.
	// +optional
	// +k8s:optional
	Strategy WorkloadStrategy `json:"strategy,omitempty"`
	// volumes says what becomes of the volume claims of the workload, those of volumeClaimTemplates included. Refuse, the default, refuses
	// to copy it: a copy must not share the data of the live workload. Ephemeral gives the copy an empty volume of
	// the size of each claim, which goes with its pod.
	// +optional
	// +k8s:optional
	Volumes WorkloadVolumes `json:"volumes,omitempty"`
	// containers overrides settings of the copied containers.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:unique=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=64
	Containers []ContainerOverride `json:"containers,omitempty"`
	// tests are the keys of the inbound slices that are replayed: a unique part of
	// a key is enough, * is all. Default is all.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minLength=1
	// +k8s:eachVal=+k8s:maxLength=512
	Tests []string `json:"tests,omitempty"`
	// mocks are the keys of the outbound slices that the responder plays: a unique part of
	// a key is enough, * is all. Default is all.
	// +optional
	// +listType=atomic
	// +k8s:optional
	// +k8s:listType=atomic
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minLength=1
	// +k8s:eachVal=+k8s:maxLength=512
	Mocks []string `json:"mocks,omitempty"`
	// template is the exact pod template that will run. The server compiles it from the live workload, the
	// overrides and the class when the environment is created (a server-side dry run shows it); what
	// a user writes here is replaced.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}

// ContainerOverride changes one container of the copy.
type ContainerOverride struct {
	// name of the container. With one container in the workload it may be left empty on input.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-short-name
	Name string `json:"name,omitempty"`
	// image replaces the container's image.
	// +optional
	// +k8s:optional
	// +k8s:maxLength=1024
	Image string `json:"image,omitempty"`
	// env sets environment variables; one of the same name is replaced.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:opaqueType
	Env []corev1.EnvVar `json:"env,omitempty"`
	// portSwaps have the container listen on other ports than in production, which frees its own for what stands in for dependencies that it
	// calls on the same ports. Only with the interception Explicit: redirect rules need no ports.
	// +optional
	// +listType=map
	// +listMapKey=port
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=port
	// +k8s:maxItems=16
	PortSwaps []PortSwap `json:"portSwaps,omitempty"`
}

// PortSwap has a container listen on another port. Its callers, and the probes, go on to use the former one.
type PortSwap struct {
	// port that the container listens on in production, 1 to 65535.
	// +k8s:required
	// +k8s:minimum=1
	// +k8s:maximum=65535
	Port int32 `json:"port"`
	// to is the port that it listens on instead, 1 to 65535.
	// +k8s:required
	// +k8s:minimum=1
	// +k8s:maximum=65535
	To int32 `json:"to"`
	// variable is the environment variable that tells the container where to listen. It is set to the number. Either it or argument is needed.
	// +optional
	// +k8s:optional
	// +k8s:maxLength=256
	Variable string `json:"variable,omitempty"`
	// argument is the argument that tells the container where to listen, up to the number, such as --port= or -addr=:. Port has to
	// follow, and nothing after it, in that argument or as the one that comes next; to takes its place.
	// +optional
	// +k8s:optional
	// +k8s:maxLength=256
	Argument string `json:"argument,omitempty"`
}

// EgressCounts counts the connections that workloads of an environment tried to make.
type EgressCounts struct {
	// attempted is the number of outbound connections that the workloads opened.
	// +k8s:optional
	// +k8s:minimum=0
	Attempted int64 `json:"attempted"`
	// answered is the number of those that the responder took.
	// +k8s:optional
	// +k8s:minimum=0
	Answered int64 `json:"answered"`
	// internal is the number of those among answered that the responder led to the copy of another workload of the environment.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Internal int64 `json:"internal,omitempty"`
	// refused is the number of those that were refused inside the environment.
	// +k8s:optional
	// +k8s:minimum=0
	Refused int64 `json:"refused"`
	// escaped is the number of those that left the environment. It is attempted - answered - refused
	// once all connections have ended, and zero unless isolation is broken.
	Escaped int64 `json:"escaped"`
	// dropped is the number of packets, not connections, that the rules in the copies' pods kept in: those of UDP, pings and what else is not
	// TCP. The few that the kernel makes by itself, such as the IPv6 membership reports of a pod that starts, are among them.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	Dropped int64 `json:"dropped,omitempty"`
}

// EnvironmentStatus says how far an environment is.
type EnvironmentStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +k8s:optional
	// +k8s:minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready is true when the responder answers and every workload's copy is ready. Isolated is true when the rules
	// stand in every pod of a copy, and a connection that tried to leave was refused there. Its reason is ExplicitMode when no rules
	// stand there, as with interception Explicit, and the network refused that connection instead, which is the weaker guarantee.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +k8s:optional
	// +k8s:eachVal=+k8s:opaqueType
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// responderAddress is the address, host:port, on which the responder takes the workloads' calls.
	// +optional
	ResponderAddress string `json:"responderAddress,omitempty"`
	// endpoints are where the copies take requests.
	// +optional
	// +listType=map
	// +listMapKey=workload
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=workload
	Endpoints []EnvironmentEndpoint `json:"endpoints,omitempty"`
	// egress counts the connections that the copies tried to make, as their proxies have last told the responder. Connections
	// that are being made just then count as escaped for that moment.
	// +optional
	// +k8s:optional
	Egress *EgressCounts `json:"egress,omitempty"`
}

// EnvironmentIsolated is a condition of an Environment: whether every pod of a copy is shut in.
const EnvironmentIsolated = "Isolated"

// EnvironmentEndpoint is where one copy takes requests.
type EnvironmentEndpoint struct {
	// workload is the name of the workload within the environment.
	// +k8s:required
	// +k8s:format=k8s-short-name
	Workload string `json:"workload"`
	// host is the DNS name of the copy's own Service; its ports are the container's.
	// +k8s:required
	Host string `json:"host"`
	// ports that the copy listens on.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minimum=1
	// +k8s:eachVal=+k8s:maximum=65535
	Ports []int32 `json:"ports,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentList is a list of Environments.
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []Environment `json:"items"`
}

// +genclient
// +genclient:nonNamespaced
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentClass holds the platform team's defaults and limits for environments. The class with the annotation
// environmentclass.replay.restage.dev/is-default-class: "true" is taken where none is named.
type EnvironmentClass struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds the defaults and limits.
	// +optional
	Spec EnvironmentClassSpec `json:"spec,omitempty"`
}

// EnvironmentClassSpec holds defaults and limits for environments.
type EnvironmentClassSpec struct {
	// proxyResources are the resources of the proxy in each copied pod, but for pods with resources of their own, which the proxy shares: it asks for none there.
	// +optional
	// +k8s:opaqueType
	ProxyResources corev1.ResourceRequirements `json:"proxyResources,omitempty"`
	// responderResources are the resources of the responder.
	// +optional
	// +k8s:opaqueType
	ResponderResources corev1.ResourceRequirements `json:"responderResources,omitempty"`
	// generatorResources are the resources of the generator.
	// +optional
	// +k8s:opaqueType
	GeneratorResources corev1.ResourceRequirements `json:"generatorResources,omitempty"`
	// imagePullPolicy of the images that Restage adds. Default IfNotPresent.
	// +optional
	// +k8s:opaqueType
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// interception is how the connections of the copies are led to the responder. Default Auto.
	// +optional
	Interception Interception `json:"interception,omitempty"`
	// nodeSelector is added to every pod of an environment.
	// +optional
	// +k8s:optional
	// +k8s:maxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// maxTimeout is the longest timeout that a replay in this class may ask for. No limit when absent.
	// +optional
	// +k8s:optional
	// +k8s:opaqueType
	MaxTimeout *metav1.Duration `json:"maxTimeout,omitempty"`
	// limits bound what replays and environments of this class may ask for. They hold for new objects.
	// +optional
	Limits *EnvironmentLimits `json:"limits,omitempty"`
}

// Interception says how the connections of a pod are led to the proxy.
//
// +enum
type Interception string

const (
	// InterceptionAuto is Redirect unless the namespace enforces a Pod Security level that refuses NET_ADMIN, and Explicit then.
	InterceptionAuto Interception = "Auto"
	// InterceptionRedirect has rules in the pod's own network lead all connections to the proxy and drop the rest. Writing them needs NET_ADMIN.
	InterceptionRedirect Interception = "Redirect"
	// InterceptionExplicit has names and proxy variables lead the workload to the proxy. It needs no capability; a connection that
	// goes past both is held back by the network alone, if it enforces NetworkPolicies.
	InterceptionExplicit Interception = "Explicit"
)

// EnvironmentLimits bound what replays and environments may ask for. A limit that is absent is taken from the configuration
// of the server's admission plugin ReplayLimits, which has none unless it is told.
type EnvironmentLimits struct {
	// maxConcurrentReplaysPerWorkload is how many replays that have not ended may use copies of one workload. Replays
	// of other classes count, too. At least 1.
	// +optional
	MaxConcurrentReplaysPerWorkload *int32 `json:"maxConcurrentReplaysPerWorkload,omitempty"`
	// maxWorkloads is how many workloads an environment may have. At least 1.
	// +optional
	MaxWorkloads *int32 `json:"maxWorkloads,omitempty"`
	// maxSpeed is the highest speed, a decimal number from 0.1 to 100 as in spec.load.speed of a ReplayProfile, that a
	// replay may ask for.
	// +optional
	MaxSpeed string `json:"maxSpeed,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// EnvironmentClassList is a list of EnvironmentClasses.
type EnvironmentClassList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []EnvironmentClass `json:"items"`
}
