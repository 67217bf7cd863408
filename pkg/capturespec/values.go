// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// splitList takes apart a list with commas. Blanks around the items are fine, and so is an empty list.
func splitList(value string) (items []string) {
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func splitLines(value string) (lines []string) {
	for line := range strings.SplitSeq(value, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func parsePorts(value string) ([]int32, error) {
	var ports []int32
	for _, item := range splitList(value) {
		port, err := strconv.ParseUint(item, 10, 16)
		if err != nil || port == 0 {
			return nil, fmt.Errorf("%q is not a port", item)
		}
		if !slices.Contains(ports, int32(port)) {
			ports = append(ports, int32(port))
		}
	}
	return ports, nil
}

func parseNetworks(value string) ([]string, error) {
	items := splitList(value)
	for _, item := range items {
		if _, err := selection.ParseNetwork(item); err != nil {
			return nil, err
		}
	}
	return unique(items), nil
}

func parseHosts(value string) ([]string, error) {
	items := splitList(value)
	for _, item := range items {
		if err := selection.CheckHost(item); err != nil {
			return nil, err
		}
	}
	return unique(items), nil
}

func unique(items []string) (once []string) {
	for _, item := range items {
		if !slices.Contains(once, item) {
			once = append(once, item)
		}
	}
	return once
}

func parsePercent(value string) (*int32, error) {
	percent, err := strconv.ParseUint(strings.TrimSpace(value), 10, 8)
	if err != nil || percent < 1 || percent > 100 {
		return nil, errors.New("not a percentage")
	}
	return ptr.To(int32(percent)), nil
}

func parseBytes(value string) (*int64, error) {
	quantity, err := resource.ParseQuantity(strings.TrimSpace(value))
	if err != nil {
		return nil, errors.New("not a quantity")
	}
	bytes, exact := quantity.AsInt64()
	if !exact || bytes < 0 || bytes > wiring.MaxBody {
		return nil, errors.New("out of range")
	}
	return &bytes, nil
}

func detectorList() string { return strings.Join(redact.Detectors(), ", ") }

func parseDetectors(value string) (detectors []v1alpha1.Detector, err error) {
	for _, item := range unique(splitList(value)) {
		if !slices.Contains(redact.Detectors(), item) {
			return nil, fmt.Errorf("%q is not a detector", item)
		}
		detectors = append(detectors, v1alpha1.Detector(item))
	}
	return detectors, nil
}

// addRules adds a rule for each item, named after the kind and its number.
func addRules(spec *v1alpha1.TrafficCaptureSpec, kind string, items []string, set func(rule *v1alpha1.RedactionRule, item string)) error {
	for i, item := range unique(items) {
		rule := v1alpha1.RedactionRule{Name: fmt.Sprintf("%s-%d", kind, i+1)}
		set(&rule, item)
		if err := redact.CheckRule(settingOf(rule)); err != nil {
			return err
		}
		redaction(spec).Rules = append(redaction(spec).Rules, rule)
	}
	if rules := len(redaction(spec).Rules); rules > redact.MaxRules {
		return fmt.Errorf("%d rules with those of other annotations, at most %d are allowed", rules, redact.MaxRules)
	}
	return nil
}
