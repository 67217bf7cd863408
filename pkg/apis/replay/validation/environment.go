// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// reservedWorkloads are what an environment makes besides its workloads, under names of the same form.
var reservedWorkloads = map[string]bool{"responder": true, "generator": true, "link": true}

// ValidateEnvironment checks a new environment.
func ValidateEnvironment(environment *replay.Environment) field.ErrorList {
	spec := &environment.Spec
	errs := validateOwnerName(environment.Name)
	errs = append(errs, validateWorkloads(spec.Workloads, environment.Name, specPath.Child("workloads"))...)
	return append(errs, validateResponder(&spec.Responder, specPath.Child("responder"))...)
}

// ValidateEnvironmentUpdate checks a changed environment.
func ValidateEnvironmentUpdate(environment, old *replay.Environment) field.ErrorList {
	return validateImmutable(environment.Spec, old.Spec, specPath, "make another Environment")
}

func validateWorkloads(workloads []replay.EnvironmentWorkload, owner string, path *field.Path) (errs field.ErrorList) {
	for i := range workloads {
		errs = append(errs, validateWorkload(&workloads[i], owner, path.Index(i))...)
	}
	return errs
}

func validateWorkload(workload *replay.EnvironmentWorkload, owner string, path *field.Path) field.ErrorList {
	errs := ValidateWorkloadReference(workload.Ref, path.Child("ref"))
	errs = append(errs, validateWorkloadName(workload.Name, owner, path.Child("name"))...)
	return append(errs, validateContainers(workload.Containers, path.Child("containers"))...)
}

// ValidateRecordedName checks the name that the workload of a snapshot gets within an environment that names no workloads;
// owner is the name of the environment. No field holds this name, so no tag checks it.
func ValidateRecordedName(name, owner string, path *field.Path) (errs field.ErrorList) {
	for _, problem := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	return append(errs, validateWorkloadName(name, owner, path)...)
}

// validateWorkloadName checks the name that a workload has within an environment; owner is the name of the environment.
// Its copy is a Deployment and a Service named after both.
func validateWorkloadName(name, owner string, path *field.Path) (errs field.ErrorList) {
	// A name that is too long by itself is refused by its tag.
	if full := owner + "-" + name; len(name) <= validation.DNS1123LabelMaxLength && len(full) > validation.DNS1123LabelMaxLength {
		errs = append(errs, field.Invalid(path, name, fmt.Sprintf("%q, the name of its Service, must be no more than %d characters; give the workload a shorter name",
			full, validation.DNS1123LabelMaxLength)))
	}
	if reservedWorkloads[name] {
		errs = append(errs, field.Invalid(path, name, "is the name of a part of every environment; give the workload another name"))
	}
	return errs
}

func validateContainers(containers []replay.ContainerOverride, path *field.Path) (errs field.ErrorList) {
	for i, container := range containers {
		at := path.Index(i)
		if container.Name == "" && len(containers) > 1 {
			errs = append(errs, field.Required(at.Child("name"), "may be left empty only when there is one container"))
		}
		errs = append(errs, validateText(container.Image, at.Child("image"))...)
		errs = append(errs, validateEnv(container.Env, at.Child("env"))...)
		errs = append(errs, validatePortSwaps(container.PortSwaps, at.Child("portSwaps"))...)
	}
	return errs
}
