// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"time"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// ValidateTrafficSnapshot checks a new snapshot.
func ValidateTrafficSnapshot(snapshot *replay.TrafficSnapshot) field.ErrorList {
	errs := validateName(snapshot.Name, apivalidation.NameIsDNSSubdomain)
	errs = append(errs, ValidateWorkloadReference(snapshot.Spec.WorkloadRef, specPath.Child("workloadRef"))...)
	return append(errs, validateRange(&snapshot.Spec)...)
}

// validateRange checks which time a snapshot covers. That it is given in one way only is said by tags.
func validateRange(spec *replay.TrafficSnapshotSpec) field.ErrorList {
	end := specPath.Child("endTime")
	errs := validatePositive(spec.Last, specPath.Child("last"))
	if spec.EndTime == nil {
		return errs
	}
	switch {
	case spec.StartTime == nil:
		errs = append(errs, field.Forbidden(end, "may be given only together with startTime"))
	case !spec.EndTime.After(spec.StartTime.Time):
		errs = append(errs, field.Invalid(end, spec.EndTime.UTC().Format(time.RFC3339), "must be after startTime"))
	}
	return errs
}

// ValidateTrafficSnapshotUpdate checks a changed snapshot.
func ValidateTrafficSnapshotUpdate(snapshot, old *replay.TrafficSnapshot) field.ErrorList {
	return validateImmutable(snapshot.Spec, old.Spec, specPath, "make another TrafficSnapshot")
}
