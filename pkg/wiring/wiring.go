// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package wiring holds the names that two programs of Restage must agree upon: ports, paths, environment
// variables and the settings files that the controller writes for the data plane. It imports nothing but the
// standard library, so that every binary can use it.
package wiring

import "strings"

// ProxyUID is the user that the proxy runs as. The redirect rules let its connections pass (capture)
// or hold them to the responder (isolate), so no container of the workload may run as this user.
const ProxyUID = 15100

// Ports of the proxy within a pod. They are none that the sidecars of Istio (150xx) and Linkerd (41xx) listen on, so that both fit into one pod.
const (
	ProxyOutboundPort = 15101 // redirected outbound TCP; with InterceptionExplicit an HTTP proxy
	ProxyInboundPort  = 15106 // redirected inbound TCP
	ProxyDNSPort      = 15153 // redirected DNS, isolate mode only
	ProxyAdminPort    = 15120 // /readyz, /livez, /metrics
)

// ProxyPorts are taken by the proxy in every pod that it is added to.
func ProxyPorts() []int32 {
	return []int32{ProxyOutboundPort, ProxyInboundPort, ProxyDNSPort, ProxyAdminPort}
}

// ExplicitDNSPort is taken by it as well with InterceptionExplicit.
const ExplicitDNSPort = 53

// Ports of the other parts.
const (
	ForwarderPort        = 4143 // gRPC over TLS
	ForwarderHealthPort  = 4144 // HTTP /readyz, /livez
	ResponderTunnelPort  = 4141 // TunnelHello and the bytes of one connection
	ResponderControlPort = 4142 // HTTP: /readyz, and with the environment's token /v1/...
)

// How recording proxies get into pods. But for the first the controller changes no workload, and has no right to.
const (
	InjectionWorkload = "workload" // the controller puts them into the templates of workloads
	InjectionManual   = "manual"   // those who keep the templates put them in
	InjectionWebhook  = "webhook"  // the API server adds them to opted-in pods as they are made, called by kube-apiserver
	InjectionPolicy   = "policy"   // kube-apiserver adds them to opted-in pods by itself, as a policy says that the controller keeps
)

// Injections are all of them.
func Injections() []string {
	return []string{InjectionWorkload, InjectionManual, InjectionWebhook, InjectionPolicy}
}

// AtCreation tells whether proxies are added to pods as they are made, and to nothing else.
func AtCreation(injection string) bool {
	return injection == InjectionWebhook || injection == InjectionPolicy
}

// PodInjection is the name of what has kube-apiserver add proxies to pods: a webhook configuration, or a policy and its binding.
const PodInjection = "restage-pod-injection"

// Names of the policies, and of their bindings, by which kube-apiserver keeps what we have put into templates from standing in anybody's way.
const (
	TemplateVolumes = "restage-template-volumes" // keeps it whole while their owners change them
	PodSecurity     = "restage-pod-security"     // leaves it out of pods where a Pod Security level does not allow it
	PodLimits       = "restage-pod-limits"       // makes it fit into a LimitRange, or leaves it out
	PodQuotas       = "restage-pod-quotas"       // makes it fit into a ResourceQuota, or leaves it out
)

// Safeguards are all of them.
func Safeguards() []string { return append([]string{TemplateVolumes, PodSecurity}, PodResources()...) }

// PodResources are those of what pods ask for.
func PodResources() []string { return []string{PodLimits, PodQuotas} }

// OfInjection is the name of the one of PodResources that stands beside PodInjection.
func OfInjection(name string) string { return PodInjection + strings.TrimPrefix(name, "restage-pod") }

// PodInjections is the resource of our group that kube-apiserver posts reviews of pods to, with InjectionWebhook.
const PodInjections = "podinjections"

// PodInjectionsPath is where it is. The path is in our own group, so that there is no registration besides ours that could be left without a
// server, and in no discovery document: garbage collection, quota and the deletion of namespaces go through those, and a resource
// that can only be created is a stumbling block to clients that do not expect one.
const PodInjectionsPath = "/apis/replay.restage.dev/v1alpha1/" + PodInjections

// How connections are led to the proxy.
const (
	InterceptionRedirect = "Redirect" // by rules in the pod's network
	InterceptionExplicit = "Explicit" // by names and proxy variables
)

// What the init container of a pod without rules says in its termination message: whether the network refused what tried to leave the pod.
const (
	CanaryHeld    = "Held"
	CanaryOut     = "Out"
	CanaryUntried = "Untried" // the pod was told no address to try
)

// Names inside a pod template that Restage adds to.
const (
	InitContainerName  = "restage-init"
	ProxyContainerName = "restage-proxy"
	// ForwarderVolume is a projected volume: token, ca.crt and redaction.key.
	ForwarderVolume = "restage-forwarder"
	// EnvironmentVolume is a Secret volume: token.
	EnvironmentVolume = "restage-environment"
	// TLSVolume is a projected volume, for the proxy alone: the CA of the namespace and what the workload's owner gives for TLS.
	TLSVolume = "restage-tls"
	// TrustVolume is an empty volume that the proxy fills with whom the workload is to trust, before the workload starts.
	TrustVolume = "restage-trust"
)

// Paths at which a pod finds what it needs.
const (
	ForwarderDir      = "/var/run/restage/forwarder"
	ForwarderToken    = ForwarderDir + "/token"               // projected service account token
	ForwarderCA       = ForwarderDir + "/ca.crt"              // CA of the forwarder's certificate
	RedactionKey      = ForwarderDir + "/redaction.key"       // key of redaction tokens, one a namespace
	DescriptorSet     = ForwarderDir + "/" + DescriptorSetKey // types of gRPC messages
	EnvironmentDir    = "/var/run/restage/environment"
	EnvironmentToken  = EnvironmentDir + "/token" // shared secret of one environment
	SettingsDir       = "/etc/restage"
	GeneratorSettings = SettingsDir + "/generator.json" // ReplaySettings
	ResponderSettings = SettingsDir + "/responder.json" // PlaySettings
)

// DescriptorSetKey is that of a ConfigMap with a descriptor set.
const DescriptorSetKey = "descriptors.binpb"

// ForwarderAudience is the audience of service account tokens that are shown to the forwarder.
const ForwarderAudience = "restage-forwarder"

// Objects that are made once in each namespace with captures.
const (
	// ForwarderCAConfigMap holds ca.crt in the namespaces where proxies, responders or generators run.
	ForwarderCAConfigMap = "restage-forwarder-ca"
	// RedactionSecret holds redaction.key.
	RedactionSecret = "restage-redaction"
)

// Environment variables of a pod in an environment, set from the environment's ConfigMap.
const (
	EnvResponder        = "RESTAGE_RESPONDER"         // ip:port of the tunnel
	EnvResponderControl = "RESTAGE_RESPONDER_CONTROL" // ip:port of the control API
)

// Object names an API object for the forwarder.
type Object struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// PlaySettings is what a responder is told. Durations are in nanoseconds.
type PlaySettings struct {
	Snapshot   Object   `json:"snapshot"`
	Mocks      []string `json:"mocks"`      // resolved slice keys, empty: all
	OnMiss     string   `json:"onMiss"`     // Fail or Status
	MissStatus int      `json:"missStatus"` // with Status
	Latency    string   `json:"latency"`    // Recorded or None
	// Routes lead calls to the copies of other workloads of the environment, and not to the recording.
	Routes []Route `json:"routes,omitempty"`
}

// Route leads what a Service leads to the workload in production to its copy.
type Route struct {
	// Workload is its name within the environment.
	Workload string `json:"workload"`
	// Names are what the Service is called by, and its addresses.
	Names []string `json:"names"`
	// Port of the Service.
	Port int32 `json:"port"`
	// Address is the host:port of the copy.
	Address string `json:"address"`
}

// ReplaySettings is what a generator is told.
type ReplaySettings struct {
	Snapshot Object `json:"snapshot"`
	Replay   Object `json:"replay"`
	BuildTag string `json:"buildTag,omitempty"`
	// Cluster is the name of the cluster, for the report; may be empty.
	Cluster string `json:"cluster,omitempty"`
	// Tests are the inbound slices that are replayed.
	Tests []TestTarget `json:"tests"`
	// Control is the ip:port of the responder's control API; empty when there is no environment.
	Control        string        `json:"control,omitempty"`
	Speed          float64       `json:"speed"`
	RequestTimeout float64       `json:"requestTimeoutSeconds"`
	Timeout        float64       `json:"timeoutSeconds"`
	Headers        []string      `json:"headers"`
	Ignore         []string      `json:"ignore,omitempty"`
	LearnNoise     bool          `json:"learnNoise"`
	Goals          []GoalSetting `json:"goals,omitempty"`
}

// TestTarget says where the requests of one inbound slice go.
type TestTarget struct {
	Key     string `json:"key"`     // resolved slice key
	Address string `json:"address"` // host:port
}

// GoalSetting is one goal of a replay.
type GoalSetting struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

// ProbeResult is what restage-proxy probe says, as JSON in the termination message of its container, which holds 4096 bytes. An
// empty error means that it went well.
type ProbeResult struct {
	Kernel  string `json:"kernel"`            // release, as uname -r prints it
	Capture string `json:"capture,omitempty"` // error of writing the rules of capture mode
	Isolate string `json:"isolate,omitempty"` // error of writing those of isolate mode, or of leaving in spite of them
	// Names has the error of each name that was to be resolved.
	Names map[string]string `json:"names,omitempty"`
	// Connect has the error of each host:port that was to be reached.
	Connect map[string]string `json:"connect,omitempty"`
}
