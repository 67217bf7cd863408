// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package validation holds the rules that the tags of the versioned types cannot say: about the name of an object, about
// fields that depend on each other, and about values of types that are not ours. It sees objects after their defaults are
// filled in. What an object refers to is checked by the admission plugin ReferenceValidation.
package validation

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
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

// validateImmutable refuses a change of what is at the path. The tag +k8s:immutable would say "Invalid value: null: field is
// immutable", which tells nobody what to do instead.
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

// validateWorkloadReference accepts Deployments only. The fields are open strings, so that a kind can be added.
func validateWorkloadReference(ref replay.WorkloadReference, path *field.Path) field.ErrorList {
	errs := validateEnum(ref.APIVersion, path.Child("apiVersion"), "apps/v1")
	return append(errs, validateEnum(ref.Kind, path.Child("kind"), "Deployment")...)
}

func validateEnum[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
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

// validateText checks a value that is taken as it stands, such as an image or a tag.
func validateText(value string, path *field.Path) field.ErrorList {
	if value != strings.TrimSpace(value) {
		return field.ErrorList{field.Invalid(path, value, "must not begin or end with white space")}
	}
	return nil
}
