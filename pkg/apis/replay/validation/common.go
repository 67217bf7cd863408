// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package validation holds the rules that the tags of the versioned types cannot say: about the name of an object, about
// fields that depend on each other, and about values of types that are not ours. It sees objects after their defaults are
// filled in. What an object refers to is checked by the admission plugin ReferenceValidation.
package validation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
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

// ValidateConditions checks the conditions of a status. Kubernetes checks them by tags of its types as well and marks these errors so. No tag
// of ours does, and what is marked without one is logged as a difference between the two.
func ValidateConditions(conditions []metav1.Condition) field.ErrorList {
	errs := metav1validation.ValidateConditions(conditions, field.NewPath("status", "conditions"))
	for _, err := range errs {
		err.CoveredByDeclarative = false
	}
	return errs
}

// kindForm is how kinds are written.
var kindForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)

// ValidateWorkloadReference accepts the kinds of Kubernetes that have pods, each in the version that Restage reads it in, and every kind
// of another API group: whether the cluster has that, with a pod template, is seen when it is read.
func ValidateWorkloadReference(ref replay.WorkloadReference, path *field.Path) field.ErrorList {
	if version := v1alpha1.WorkloadAPIVersion(ref.Kind); version != "" && isKubernetes(ref.APIVersion) {
		return validateEnum(ref.APIVersion, path.Child("apiVersion"), version)
	}
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), fmt.Sprintf("must be given for the kind %q; it is known for %s",
			ref.Kind, strings.Join(v1alpha1.WorkloadKinds(), ", ")))}
	}
	if isKubernetes(ref.APIVersion) {
		return field.ErrorList{field.NotSupported(path.Child("kind"), ref.Kind, v1alpha1.WorkloadKinds())}
	}
	var errs field.ErrorList
	group, version, _ := strings.Cut(ref.APIVersion, "/")
	for _, problem := range slices.Concat(validation.IsDNS1123Subdomain(group), validation.IsDNS1035Label(version)) {
		errs = append(errs, field.Invalid(path.Child("apiVersion"), ref.APIVersion, "must be GROUP/VERSION: "+problem))
	}
	if !kindForm.MatchString(ref.Kind) {
		errs = append(errs, field.Invalid(path.Child("kind"), ref.Kind, "must begin with a capital letter and have at most 63 letters and digits"))
	}
	if group == v1alpha1.GroupName {
		errs = append(errs, field.Invalid(path.Child("apiVersion"), ref.APIVersion, "has no workloads"))
	}
	return errs
}

// isKubernetes tells whether the API version is of a group of Kubernetes itself in which there are workloads, or of one like it.
func isKubernetes(apiVersion string) bool {
	group, _, grouped := strings.Cut(apiVersion, "/")
	return apiVersion != "" && (!grouped || group == "apps" || group == "batch" || group == "extensions")
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
