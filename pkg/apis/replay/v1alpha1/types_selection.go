// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// CaptureIgnore says which traffic is passed on without being recorded.
type CaptureIgnore struct {
	// inboundPorts are container ports that are not recorded although the workload declares them.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minimum=1
	// +k8s:eachVal=+k8s:maximum=65535
	InboundPorts []int32 `json:"inboundPorts,omitempty"`
	// outboundPorts are ports of dependencies whose calls are not recorded.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:minimum=1
	// +k8s:eachVal=+k8s:maximum=65535
	OutboundPorts []int32 `json:"outboundPorts,omitempty"`
	// cidrs are networks, IPv4 and IPv6, such as 10.96.0.0/12. Calls to and from addresses in them are not recorded.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	CIDRs []string `json:"cidrs,omitempty"`
	// hosts are names of dependencies whose calls are not recorded: a name, or *. and a suffix, which stands for all names below it. The
	// name of a call is the one in its Host header.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=256
	// +k8s:eachVal=+k8s:maxLength=255
	Hosts []string `json:"hosts,omitempty"`
}

// Detector finds one class of secrets by what they look like.
// +enum
// +k8s:enum
type Detector string

const (
	// DetectorToken finds bearer tokens and JSON Web Tokens.
	DetectorToken Detector = "Token"
	// DetectorCard finds numbers of payment cards.
	DetectorCard Detector = "Card"
	// DetectorEmail finds e-mail addresses.
	DetectorEmail Detector = "Email"
	// DetectorPrivateKey finds private keys in PEM.
	DetectorPrivateKey Detector = "PrivateKey"
	// DetectorCloudKey finds keys of clouds and services by their documented prefixes.
	DetectorCloudKey Detector = "CloudKey"
	// DetectorSecretField finds values of fields and parameters whose name says that they are secret, such as password.
	DetectorSecretField Detector = "SecretField"
)

// CaptureRedaction changes what is replaced by tokens. Headers that carry credentials are always redacted.
type CaptureRedaction struct {
	// disabledDetectors are the detectors that are not to look.
	// +optional
	// +listType=set
	// +k8s:optional
	// +k8s:listType=set
	// +k8s:maxItems=16
	DisabledDetectors []Detector `json:"disabledDetectors,omitempty"`
	// rules name more values to redact.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +k8s:optional
	// +k8s:listType=map
	// +k8s:listMapKey=name
	// +k8s:maxItems=32
	Rules []RedactionRule `json:"rules,omitempty"`
}

// RedactionRule names values to redact. Exactly one of header, jsonPath and regexp is required.
type RedactionRule struct {
	// name of the rule, under which the report counts what it redacted.
	// +k8s:required
	// +k8s:format=k8s-short-name
	Name string `json:"name"`
	// header whose whole value is redacted, in requests and responses.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:maxLength=128
	Header string `json:"header,omitempty"`
	// jsonPath selects strings and numbers in JSON bodies, such as $.customer.name, $.items[*].iban or $..iban.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:maxLength=1024
	JSONPath string `json:"jsonPath,omitempty"`
	// regexp is a regular expression of RE2. Its first group, else all of the match, is redacted in paths, query strings, header
	// values and bodies of text.
	// +optional
	// +k8s:optional
	// +k8s:unionMember
	// +k8s:maxLength=1024
	Regexp string `json:"regexp,omitempty"`
}

// ReasonCount counts one reason or class.
type ReasonCount struct {
	// name of what is counted.
	// +k8s:required
	Name string `json:"name"`
	// count of it.
	// +k8s:optional
	// +k8s:minimum=0
	Count int64 `json:"count"`
}
