// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// WorkloadReference names a workload in the namespace of the object that refers to it.
type WorkloadReference struct {
	// apiVersion of the workload. Defaults to that of the kind when it is one of Kubernetes' own, and must be given for any other.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// kind of the workload: Deployment, which is the default, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, Pod, or a kind of
	// another API group that has its pod template at spec.template, such as a Rollout of argoproj.io. A Service stands for
	// the one workload whose pods it selects, which the server writes in its place.
	// +optional
	Kind string `json:"kind,omitempty"`
	// name of the workload.
	// +k8s:required
	// +k8s:format=k8s-long-name
	Name string `json:"name"`
}

// Direction tells on which side of the workload a call was seen.
// +enum
// +k8s:enum
type Direction string

const (
	// DirectionInbound is a call that the workload received.
	DirectionInbound Direction = "Inbound"
	// DirectionOutbound is a call that the workload made.
	DirectionOutbound Direction = "Outbound"
)

// Slice is one part of recorded traffic that can be named in tests and mocks.
type Slice struct {
	// key names the slice: workload:port for inbound, host:port for outbound traffic.
	// +k8s:required
	Key string `json:"key"`
	// direction of the calls in the slice.
	// +k8s:required
	Direction Direction `json:"direction"`
	// protocol as detected from the bytes, such as http/1.1 or opaque.
	Protocol string `json:"protocol"`
	// records is the number of calls in the slice.
	// +k8s:optional
	// +k8s:minimum=0
	Records int64 `json:"records"`
}

// Completeness states what a recording holds and what it is known to lack.
type Completeness struct {
	// records is the number of calls held.
	// +k8s:optional
	// +k8s:minimum=0
	Records int64 `json:"records"`
	// incomplete is the number of held calls that are marked: cut off, truncated or not understood.
	// +k8s:optional
	// +k8s:minimum=0
	Incomplete int64 `json:"incomplete"`
	// dropped is the number of calls known to have been lost because the recorder could not keep up.
	// +k8s:optional
	// +k8s:minimum=0
	Dropped int64 `json:"dropped"`
	// notReplayable is the number of inbound calls whose own outbound calls may have been lost.
	// +k8s:optional
	// +k8s:minimum=0
	NotReplayable int64 `json:"notReplayable"`
	// percent of all calls seen that are held complete, 0 to 100 with two decimals, as a string.
	// +optional
	Percent string `json:"percent,omitempty"`
}

// Condition types shared by the kinds of this group.
const (
	// ConditionReady is true when the object does what its spec asks for.
	ConditionReady = "Ready"
	// ConditionTLSRead is true when the TLS connections of a workload are read as its capture asks for. It is false when some are
	// passed through, and absent when the capture asks for none.
	ConditionTLSRead = "TLSRead"
	// ConditionDescriptorSetRead is true when the descriptor set that a capture names can be read. While it is false rules cannot go by the
	// names of fields of gRPC messages.
	ConditionDescriptorSetRead = "DescriptorSetRead"
	// ConditionAnnotationsAccepted is false when a capture that was made from the annotations of a workload does not follow them,
	// since one of them cannot be understood.
	ConditionAnnotationsAccepted = "AnnotationsAccepted"
)

// Keys of annotations and labels that Restage reads and writes.
const (
	// AnnotationCaptureEnabled on a workload, with the value "true", makes a TrafficCapture for it.
	AnnotationCaptureEnabled = "capture.restage.dev/enabled"
	// AnnotationCaptureInjected on a workload says that the recording proxy stands in its manifest, so that the operator leaves it alone. It lists what kubectl
	// restage inject made besides the proxy, so that uninject gives back exactly what was there.
	AnnotationCaptureInjected = "capture.restage.dev/injected"
	// AnnotationProxyLeftOut on a pod says why it came without the recording proxy that it was to have: its namespace would have refused it.
	AnnotationProxyLeftOut = "replay.restage.dev/proxy-left-out"
	// AnnotationProxyResources on a pod says whether its proxy asks for nothing, or for something else than others do, and because of which LimitRange or ResourceQuota.
	AnnotationProxyResources = "replay.restage.dev/proxy-resources"
	// AnnotationInPlaceBase on a compiled pod template tells which template of the live workload it was compiled from.
	AnnotationInPlaceBase = "replay.restage.dev/in-place-base"
	// AnnotationInterception on a compiled pod template says how the connections of its pods are led to the proxy: Explicit. Without it rules
	// in the pod redirect them.
	AnnotationInterception = "replay.restage.dev/interception"
	// AnnotationDefaultClass on an EnvironmentClass, with the value "true", makes it the default one.
	AnnotationDefaultClass = "environmentclass.replay.restage.dev/is-default-class"
	// LabelEnvironment carries the name of the Environment on everything made for it.
	LabelEnvironment = "replay.restage.dev/environment"
	// LabelReplay carries the name of the TrafficReplay on everything made for it.
	LabelReplay = "replay.restage.dev/replay"
	// LabelComponent tells the role of a pod made by Restage: workload, responder or generator.
	LabelComponent = "replay.restage.dev/component"
	// LabelWorkload carries the name of the original workload on its clone.
	LabelWorkload = "replay.restage.dev/workload"
	// LabelInject on a pod, or on its namespace, with the value InjectEnabled opts in to getting the recording proxy when the pod is made, where the
	// installation adds proxies to pods and not to workloads. InjectDisabled on a pod opts out of what its namespace says.
	LabelInject    = "capture.restage.dev/inject"
	InjectEnabled  = "enabled"
	InjectDisabled = "disabled"
	// ComponentPodInjection is the value of LabelComponent on the PodTemplate that holds what a capture has added to pods as they are made.
	ComponentPodInjection = "pod-injection"
	// AnnotationInjectInto on such a PodTemplate is the workload whose pods get it, as kind/name.
	AnnotationInjectInto = "replay.restage.dev/inject-into"
	// LabelPartOf carries PartOf on everything that is installed and on everything that the controller makes.
	LabelPartOf = "app.kubernetes.io/part-of"
	// PartOf is the value of LabelPartOf.
	PartOf = "restage"
	// LabelManagedBy carries ManagedBy on what the controller makes for a namespace as a whole.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "restage-controller"
)
