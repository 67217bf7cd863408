// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// ValidateEnvironmentClass checks a class.
func ValidateEnvironmentClass(class *replay.EnvironmentClass) field.ErrorList {
	spec := &class.Spec
	errs := validateName(class.Name, apivalidation.NameIsDNSSubdomain)
	errs = append(errs, validateResources(&spec.ProxyResources, specPath.Child("proxyResources"))...)
	errs = append(errs, validateResources(&spec.ResponderResources, specPath.Child("responderResources"))...)
	errs = append(errs, validateResources(&spec.GeneratorResources, specPath.Child("generatorResources"))...)
	errs = append(errs, validateEnum(spec.ImagePullPolicy, specPath.Child("imagePullPolicy"),
		corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, validateEnum(spec.Interception, specPath.Child("interception"),
		replay.InterceptionAuto, replay.InterceptionExplicit, replay.InterceptionRedirect)...)
	errs = append(errs, metav1validation.ValidateLabels(spec.NodeSelector, specPath.Child("nodeSelector"))...)
	errs = append(errs, validatePositive(spec.MaxTimeout, specPath.Child("maxTimeout"))...)
	if spec.Limits != nil {
		errs = append(errs, ValidateEnvironmentLimits(spec.Limits, specPath.Child("limits"))...)
	}
	return errs
}

// ValidateEnvironmentLimits checks limits of which any may be absent. The configuration of the plugin ReplayLimits holds the same limits and
// is no API object, so tags would check only half of them.
func ValidateEnvironmentLimits(limits *replay.EnvironmentLimits, path *field.Path) field.ErrorList {
	errs := validateAtLeastOne(limits.MaxConcurrentReplaysPerWorkload, path.Child("maxConcurrentReplaysPerWorkload"))
	errs = append(errs, validateAtLeastOne(limits.MaxWorkloads, path.Child("maxWorkloads"))...)
	return append(errs, validateSpeed(limits.MaxSpeed, path.Child("maxSpeed"))...)
}

// validateAtLeastOne accepts an absent number.
func validateAtLeastOne(number *int32, path *field.Path) field.ErrorList {
	if number == nil || *number >= 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *number, "must be at least 1")}
}

func validateResources(resources *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	errs := validateQuantities(resources.Limits, path.Child("limits"))
	errs = append(errs, validateQuantities(resources.Requests, path.Child("requests"))...)
	for name, request := range resources.Requests {
		if limit, ok := resources.Limits[name]; ok && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(),
				"must not be more than the limit of "+limit.String()))
		}
	}
	if len(resources.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "the parts of an environment have no resource claims"))
	}
	return errs
}

func validateQuantities(list corev1.ResourceList, path *field.Path) (errs field.ErrorList) {
	for name, quantity := range list {
		at := path.Key(string(name))
		for _, problem := range validation.IsQualifiedName(string(name)) {
			errs = append(errs, field.Invalid(at, string(name), problem))
		}
		if quantity.Sign() < 0 {
			errs = append(errs, field.Invalid(at, quantity.String(), "must not be negative"))
		}
	}
	return errs
}
