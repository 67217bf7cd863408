// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import (
	"slices"

	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Settings are what the proxies of a workload are told. declared are the ports of its pod template, which are recorded when the spec
// names none.
func Settings(workload string, spec v1alpha1.TrafficCaptureSpec, declared []int32) wiring.CaptureSettings {
	ports := spec.Ports
	if len(ports) == 0 {
		ports = declared
	}
	settings := wiring.NewCaptureSettings(workload, portNumbers(ports))
	settings.SamplePercent = int(ptr.Deref(spec.SamplePercent, int32(settings.SamplePercent)))
	settings.BodyLimit = ptr.Deref(spec.BodyLimitBytes, settings.BodyLimit)
	if ignore := spec.Ignore; ignore != nil {
		settings.Ignore = wiring.IgnoreSettings{
			InboundPorts: portNumbers(ignore.InboundPorts), OutboundPorts: portNumbers(ignore.OutboundPorts), CIDRs: ignore.CIDRs, Hosts: ignore.Hosts,
		}
		settings.Ports = slices.DeleteFunc(settings.Ports, func(port uint16) bool { return slices.Contains(settings.Ignore.InboundPorts, port) })
	}
	settings.Redaction = Redaction(spec.Redaction)
	settings.TLS = TLS(spec.TLS).Settings()
	settings.DescriptorSet = spec.DescriptorSetConfigMapName
	return settings
}

// Redaction is what the proxies are told of redaction; nil is what is redacted by default.
func Redaction(spec *v1alpha1.CaptureRedaction) (settings wiring.RedactionSettings) {
	if spec == nil {
		return settings
	}
	for _, detector := range spec.DisabledDetectors {
		settings.DisabledDetectors = append(settings.DisabledDetectors, string(detector))
	}
	for _, rule := range spec.Rules {
		settings.Rules = append(settings.Rules, settingOf(rule))
	}
	return settings
}

func settingOf(rule v1alpha1.RedactionRule) wiring.RedactionRule {
	return wiring.RedactionRule{Name: rule.Name, Header: rule.Header, JSONPath: rule.JSONPath, Regexp: rule.Regexp}
}

func portNumbers(ports []int32) (numbers []uint16) {
	for _, port := range ports {
		numbers = append(numbers, uint16(port)) // 1 to 65535, as the API demands
	}
	return numbers
}
