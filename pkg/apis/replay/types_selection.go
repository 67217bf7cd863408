// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

// CaptureIgnore says which traffic is passed on without being recorded.
type CaptureIgnore struct {
	InboundPorts  []int32
	OutboundPorts []int32
	CIDRs         []string
	Hosts         []string
}

// Detector finds one class of secrets by what they look like.
type Detector string

// CaptureRedaction changes what is replaced by tokens.
type CaptureRedaction struct {
	DisabledDetectors []Detector
	Rules             []RedactionRule
}

// RedactionRule names values to redact.
type RedactionRule struct {
	Name     string
	Header   string
	JSONPath string
	Regexp   string
}

// ReasonCount counts one reason or class.
type ReasonCount struct {
	Name  string
	Count int64
}
