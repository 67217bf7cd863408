// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// ValidateTrafficCapture checks a new capture.
func ValidateTrafficCapture(capture *replay.TrafficCapture) field.ErrorList {
	errs := validateName(capture.Name, apivalidation.NameIsDNSSubdomain)
	errs = append(errs, ValidateWorkloadReference(capture.Spec.WorkloadRef, specPath.Child("workloadRef"))...)
	errs = append(errs, validateIgnore(capture.Spec.Ignore, specPath.Child("ignore"))...)
	errs = append(errs, validateRedaction(capture.Spec.Redaction, specPath.Child("redaction"))...)
	return append(errs, validateCaptureTLS(capture.Spec.TLS, specPath.Child("tls"))...)
}

// ValidateTrafficCaptureUpdate checks a changed capture.
func ValidateTrafficCaptureUpdate(capture, old *replay.TrafficCapture) field.ErrorList {
	errs := ValidateTrafficCapture(capture)
	return append(errs, validateImmutable(capture.Spec.WorkloadRef, old.Spec.WorkloadRef, specPath.Child("workloadRef"),
		"make a TrafficCapture of its own for another workload")...)
}

func validateIgnore(ignore *replay.CaptureIgnore, path *field.Path) (errs field.ErrorList) {
	if ignore == nil {
		return nil
	}
	for i, text := range ignore.CIDRs {
		if _, err := selection.ParseNetwork(text); err != nil {
			errs = append(errs, field.Invalid(path.Child("cidrs").Index(i), text, err.Error()))
		}
	}
	for i, text := range ignore.Hosts {
		if err := selection.CheckHost(text); err != nil {
			errs = append(errs, field.Invalid(path.Child("hosts").Index(i), text, err.Error()))
		}
	}
	return errs
}

// validateRedaction checks what the tags leave open: that paths and expressions can be read.
func validateRedaction(redaction *replay.CaptureRedaction, path *field.Path) (errs field.ErrorList) {
	if redaction == nil {
		return nil
	}
	for i, rule := range redaction.Rules {
		for _, given := range []struct {
			field, value string
			rule         wiring.RedactionRule
		}{
			{"header", rule.Header, wiring.RedactionRule{Header: rule.Header}},
			{"jsonPath", rule.JSONPath, wiring.RedactionRule{JSONPath: rule.JSONPath}},
			{"regexp", rule.Regexp, wiring.RedactionRule{Regexp: rule.Regexp}},
		} {
			if given.value == "" {
				continue
			}
			if err := redact.CheckRule(given.rule); err != nil {
				errs = append(errs, field.Invalid(path.Child("rules").Index(i).Child(given.field), given.value, err.Error()))
			}
		}
	}
	return errs
}
