// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// CaptureVersion is the version of CaptureSettings that this program writes and reads. It rises when an older proxy would
// do something else than is asked for, such as recording what is to be left out.
const CaptureVersion = 1

// MaxBody is the most bytes of a body that are kept, and what is kept when a capture does not say.
const MaxBody = 1 << 20

// maxCaptureSettings bounds the document in bytes.
const maxCaptureSettings = 256 << 10

// CaptureSettings is what a capture wants of its proxies: the one document that goes from the capture's spec into the pods.
// What belongs to the installation, such as the forwarder's address, is in flags of the proxy instead.
type CaptureSettings struct {
	Version  int    `json:"version"`
	Workload string `json:"workload"` // name under which the traffic is recorded
	// Ports are the inbound ports that are recorded; others are relayed only.
	Ports  []uint16       `json:"ports,omitempty"`
	Ignore IgnoreSettings `json:"ignore,omitzero"`
	// SamplePercent is the part of sessions that is recorded, 1 to 100.
	SamplePercent int `json:"samplePercent"`
	// BodyLimit is the number of bytes of each body that are kept, 0 to MaxBody.
	BodyLimit int64             `json:"bodyLimit"`
	Redaction RedactionSettings `json:"redaction,omitzero"`
	TLS       TLSSettings       `json:"tls,omitzero"`
	// DescriptorSet is the name of the ConfigMap whose content is mounted at DescriptorSet of this package, empty when there is none.
	DescriptorSet string `json:"descriptorSet,omitempty"`
}

// IgnoreSettings say what is relayed without being recorded.
type IgnoreSettings struct {
	InboundPorts  []uint16 `json:"inboundPorts,omitempty"`
	OutboundPorts []uint16 `json:"outboundPorts,omitempty"`
	CIDRs         []string `json:"cidrs,omitempty"` // of the other side, IPv4 and IPv6
	Hosts         []string `json:"hosts,omitempty"` // names, or *.suffix, of destinations
}

// RedactionSettings change what is redacted by default.
type RedactionSettings struct {
	DisabledDetectors []string        `json:"disabledDetectors,omitempty"`
	Rules             []RedactionRule `json:"rules,omitempty"`
}

// IsZero tells whether nothing is changed, in whatever form it is said, so that settings that mean the same are written in the same way.
func (s RedactionSettings) IsZero() bool { return len(s.DisabledDetectors)+len(s.Rules) == 0 }

// RedactionRule names values to redact in one of three ways.
type RedactionRule struct {
	Name     string `json:"name"`
	Header   string `json:"header,omitempty"`
	JSONPath string `json:"jsonPath,omitempty"`
	Regexp   string `json:"regexp,omitempty"` // RE2; the first group, else the whole match
}

// NewCaptureSettings are the settings of a capture that asks for nothing in particular.
func NewCaptureSettings(workload string, ports []uint16) CaptureSettings {
	return CaptureSettings{Version: CaptureVersion, Workload: workload, Ports: ports, SamplePercent: 100, BodyLimit: MaxBody}
}

// Argument is the document as one argument of a container. Kubernetes expands $(NAME) in arguments, so a dollar is written as JSON
// escapes it.
func (s CaptureSettings) Argument() string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // numbers and strings cannot fail, nor can a buffer
	return strings.ReplaceAll(strings.TrimSpace(out.String()), "$", `\u0024`)
}

// ParseCaptureSettings reads the document. A field that is not known is an error: to pass over one could mean to record what is
// to be left out. What the fields may hold beyond the ranges is checked where they are used.
func ParseCaptureSettings(document string) (CaptureSettings, error) {
	var s CaptureSettings
	if len(document) > maxCaptureSettings {
		return s, fmt.Errorf("%d bytes, allowed are %d", len(document), maxCaptureSettings)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(document)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return s, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("something follows the document")
	}
	return s, s.check()
}

func (s CaptureSettings) check() error {
	switch {
	case s.Version != CaptureVersion:
		return fmt.Errorf("version: %d, this proxy reads %d", s.Version, CaptureVersion)
	case s.Workload == "":
		return errors.New("workload: is needed")
	case s.SamplePercent < 1 || s.SamplePercent > 100:
		return fmt.Errorf("samplePercent: %d, allowed are 1 to 100", s.SamplePercent)
	case s.BodyLimit < 0 || s.BodyLimit > MaxBody:
		return fmt.Errorf("bodyLimit: %d, allowed are 0 to %d", s.BodyLimit, MaxBody)
	}
	return nil
}
