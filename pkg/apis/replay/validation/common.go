// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package validation checks API objects after their defaults are filled in. What an object refers to is checked by
// the admission plugin ReferenceValidation.
package validation

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// maxOwnerName is the longest name of an Environment or TrafficReplay: what is made for it carries the name and a suffix.
const maxOwnerName = 40

var (
	specPath = field.NewPath("spec")
	namePath = field.NewPath("metadata", "name")
)

// validateName checks a name against the rule; the rest of the metadata is checked by the registry.
func validateName(name string, rule apivalidation.ValidateNameFunc) (errs field.ErrorList) {
	if name == "" {
		return nil
	}
	for _, problem := range rule(name, false) {
		errs = append(errs, field.Invalid(namePath, name, problem))
	}
	return errs
}

// validateOwnerName checks a name that becomes part of others' names.
func validateOwnerName(name string) field.ErrorList {
	errs := validateName(name, apivalidation.NameIsDNSLabel)
	if len(name) > maxOwnerName {
		errs = append(errs, field.Invalid(namePath, name,
			fmt.Sprintf("must be no more than %d characters, because the names of what is made for it derive from it", maxOwnerName)))
	}
	return errs
}

// validateImmutable refuses a change of what is at the path.
func validateImmutable(updated, old any, path *field.Path, advice string) field.ErrorList {
	if equality.Semantic.DeepEqual(updated, old) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, "is immutable; "+advice)}
}

// ValidateConditions checks the conditions of a status.
func ValidateConditions(conditions []metav1.Condition) field.ErrorList {
	return metav1validation.ValidateConditions(conditions, field.NewPath("status", "conditions"))
}

// validateWorkloadReference accepts Deployments only.
func validateWorkloadReference(ref replay.WorkloadReference, path *field.Path) field.ErrorList {
	errs := validateEnum(ref.APIVersion, path.Child("apiVersion"), "apps/v1")
	errs = append(errs, validateEnum(ref.Kind, path.Child("kind"), "Deployment")...)
	return append(errs, validateReferredName(ref.Name, path.Child("name"))...)
}

// validateReferredName checks a required name of another object.
func validateReferredName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return validateOptionalName(name, path)
}

// validateOptionalName checks the name of another object if there is one.
func validateOptionalName(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return nil
	}
	for _, problem := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	return errs
}

func validateEnum[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// validateOptionalEnum accepts an absent value besides.
func validateOptionalEnum[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return nil
	}
	return validateEnum(value, path, allowed...)
}

// validatePositive accepts an absent duration.
func validatePositive(duration *metav1.Duration, path *field.Path) field.ErrorList {
	if duration == nil || duration.Duration > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, duration.Duration.String(), "must be greater than 0s")}
}

// validateNotNegative accepts an absent duration.
func validateNotNegative(duration *metav1.Duration, path *field.Path) field.ErrorList {
	if duration == nil || duration.Duration >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, duration.Duration.String(), "must not be negative")}
}

func validatePorts(ports []int32, path *field.Path) (errs field.ErrorList) {
	seen := map[int32]bool{}
	for i, port := range ports {
		if seen[port] {
			errs = append(errs, field.Duplicate(path.Index(i), port))
		}
		seen[port] = true
		for _, problem := range validation.IsValidPortNum(int(port)) {
			errs = append(errs, field.Invalid(path.Index(i), port, problem))
		}
	}
	return errs
}

func validateMaxItems(n, limit int, path *field.Path) field.ErrorList {
	if n <= limit {
		return nil
	}
	return field.ErrorList{field.TooMany(path, n, limit)}
}

// validateText checks a value that is taken as it stands, such as an image or a tag.
func validateText(value string, limit int, path *field.Path) field.ErrorList {
	if len(value) > limit {
		return field.ErrorList{field.TooLong(path, value, limit)}
	}
	if value != strings.TrimSpace(value) {
		return field.ErrorList{field.Invalid(path, value, "must not begin or end with white space")}
	}
	return nil
}
