// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capturespec turns the annotations of a workload into the spec of its capture, and the spec of a capture into the settings of
// its proxies.
package capturespec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// prefix begins the name of every annotation.
const prefix = "capture.restage.dev/"

// Annotation says how one annotation of a workload sets a field of its capture.
type Annotation struct {
	Name    string // as it stands on the workload
	Field   string // of TrafficCapture
	Allowed string // values, for people
	Example string
	set     func(spec *v1alpha1.TrafficCaptureSpec, value string) error
}

// Annotations is the table of all annotations that set a field of the capture.
func Annotations() []Annotation {
	return []Annotation{
		{prefix + "ports", "spec.ports", "ports from 1 to 65535, separated by commas", "8080,9090",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				spec.Ports, err = parsePorts(value)
				return err
			}},
		{prefix + "ignore-inbound-ports", "spec.ignore.inboundPorts", "ports from 1 to 65535, separated by commas", "9797",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				ignore(spec).InboundPorts, err = parsePorts(value)
				return err
			}},
		{prefix + "ignore-outbound-ports", "spec.ignore.outboundPorts", "ports from 1 to 65535, separated by commas", "4317,4318",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				ignore(spec).OutboundPorts, err = parsePorts(value)
				return err
			}},
		{prefix + "ignore-cidrs", "spec.ignore.cidrs", "networks, IPv4 or IPv6, separated by commas", "10.96.0.0/12,fd00::/8",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				ignore(spec).CIDRs, err = parseNetworks(value)
				return err
			}},
		{prefix + "ignore-hosts", "spec.ignore.hosts", "names, or *. with the end of names, separated by commas", "*.datadoghq.com,otel-collector",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				ignore(spec).Hosts, err = parseHosts(value)
				return err
			}},
		{prefix + "tls-outbound", "spec.tls.outbound", "Intercept and PassThrough", "Intercept",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				tls(spec).Outbound, err = parseTLSOutbound(value)
				return err
			}},
		{prefix + "tls-trusted-cas", "spec.tls.trustedCAsConfigMapName", "the name of a ConfigMap", "company-cas",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				tls(spec).TrustedCAsConfigMapName, err = parseObjectName(value)
				return err
			}},
		{prefix + "tls-client-certificate", "spec.tls.clientCertificateSecretName", "the name of a Secret", "checkout-client",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				tls(spec).ClientCertificateSecretName, err = parseObjectName(value)
				return err
			}},
		{prefix + "tls-inbound", "spec.tls.inboundSecretName", "the name of a Secret", "checkout-tls",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				tls(spec).InboundSecretName, err = parseObjectName(value)
				return err
			}},
		{prefix + "sample-percent", "spec.samplePercent", "a whole number from 1 to 100", "25",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				spec.SamplePercent, err = parsePercent(value)
				return err
			}},
		{prefix + "body-limit", "spec.bodyLimitBytes", "a quantity of bytes from 0 to 1Mi", "64Ki",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				spec.BodyLimitBytes, err = parseBytes(value)
				return err
			}},
		{prefix + "descriptor-set", "spec.descriptorSetConfigMapName", "the name of a ConfigMap", "checkout-descriptors",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				spec.DescriptorSetConfigMapName, err = parseObjectName(value)
				return err
			}},
		{prefix + "redact-disabled-detectors", "spec.redaction.disabledDetectors", "detectors, separated by commas: " + detectorList(), "Email",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) (err error) {
				redaction(spec).DisabledDetectors, err = parseDetectors(value)
				return err
			}},
		{prefix + "redact-headers", "spec.redaction.rules[*].header", "names of headers, separated by commas", "X-Customer,X-Iban",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) error {
				return addRules(spec, "header", splitList(value), func(rule *v1alpha1.RedactionRule, text string) { rule.Header = text })
			}},
		{prefix + "redact-json-paths", "spec.redaction.rules[*].jsonPath", "JSON paths, separated by blanks or line ends", "$.customer.name $..iban",
			func(spec *v1alpha1.TrafficCaptureSpec, value string) error {
				return addRules(spec, "json-path", strings.Fields(value), func(rule *v1alpha1.RedactionRule, text string) { rule.JSONPath = text })
			}},
		{prefix + "redact-regexps", "spec.redaction.rules[*].regexp", "regular expressions of RE2, one a line", `order-([0-9]{8})`,
			func(spec *v1alpha1.TrafficCaptureSpec, value string) error {
				return addRules(spec, "regexp", splitLines(value), func(rule *v1alpha1.RedactionRule, text string) { rule.Regexp = text })
			}},
	}
}

// FromAnnotations returns what the annotations of a workload ask for, without the reference to the workload. The error has a line for
// each annotation that cannot be followed, with its value and what is allowed; of a name that is not known, which may be
// a misspelt wish to leave something out, too.
func FromAnnotations(annotations map[string]string) (v1alpha1.TrafficCaptureSpec, error) {
	var spec v1alpha1.TrafficCaptureSpec
	known := []string{v1alpha1.AnnotationCaptureEnabled, v1alpha1.AnnotationCaptureInjected}
	var errs []error
	for _, annotation := range Annotations() {
		known = append(known, annotation.Name)
		value, ok := annotations[annotation.Name]
		if !ok {
			continue
		}
		if err := annotation.set(&spec, value); err != nil {
			errs = append(errs, fmt.Errorf("annotation %s: %q: %w; allowed are %s", annotation.Name, value, err, annotation.Allowed))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("annotation %s is not known; allowed are %s", name, strings.Join(known, ", ")))
		}
	}
	return spec, errors.Join(errs...)
}

func ignore(spec *v1alpha1.TrafficCaptureSpec) *v1alpha1.CaptureIgnore {
	if spec.Ignore == nil {
		spec.Ignore = &v1alpha1.CaptureIgnore{}
	}
	return spec.Ignore
}

func tls(spec *v1alpha1.TrafficCaptureSpec) *v1alpha1.CaptureTLS {
	if spec.TLS == nil {
		spec.TLS = &v1alpha1.CaptureTLS{Outbound: v1alpha1.TLSPassThrough}
	}
	return spec.TLS
}

func redaction(spec *v1alpha1.TrafficCaptureSpec) *v1alpha1.CaptureRedaction {
	if spec.Redaction == nil {
		spec.Redaction = &v1alpha1.CaptureRedaction{}
	}
	return spec.Redaction
}
