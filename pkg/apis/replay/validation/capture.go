// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// ValidateTrafficCapture checks a new capture.
func ValidateTrafficCapture(capture *replay.TrafficCapture) field.ErrorList {
	errs := validateName(capture.Name, apivalidation.NameIsDNSSubdomain)
	return append(errs, validateWorkloadReference(capture.Spec.WorkloadRef, specPath.Child("workloadRef"))...)
}

// ValidateTrafficCaptureUpdate checks a changed capture.
func ValidateTrafficCaptureUpdate(capture, old *replay.TrafficCapture) field.ErrorList {
	errs := ValidateTrafficCapture(capture)
	return append(errs, validateImmutable(capture.Spec.WorkloadRef, old.Spec.WorkloadRef, specPath.Child("workloadRef"),
		"make a TrafficCapture of its own for another workload")...)
}
