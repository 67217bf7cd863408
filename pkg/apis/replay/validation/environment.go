// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

const (
	maxWorkloads     = 32
	maxSlicePatterns = 256
	maxImage         = 1024
)

// reservedWorkloads are what an environment makes besides its workloads, under names of the same form.
var reservedWorkloads = map[string]bool{"responder": true, "generator": true, "link": true}

// ValidateEnvironment checks a new environment.
func ValidateEnvironment(environment *replay.Environment) field.ErrorList {
	spec := &environment.Spec
	errs := validateOwnerName(environment.Name)
	errs = append(errs, validateOptionalName(spec.ClassName, specPath.Child("className"))...)
	errs = append(errs, validateReferredName(spec.SnapshotName, specPath.Child("snapshotName"))...)
	if len(spec.Workloads) == 0 {
		errs = append(errs, field.Required(specPath.Child("workloads"), "at least one workload must be named"))
	}
	errs = append(errs, validateWorkloads(spec.Workloads, environment.Name, specPath.Child("workloads"))...)
	return append(errs, validateResponder(&spec.Responder, specPath.Child("responder"))...)
}

// ValidateEnvironmentUpdate checks a changed environment.
func ValidateEnvironmentUpdate(environment, old *replay.Environment) field.ErrorList {
	return validateImmutable(environment.Spec, old.Spec, specPath, "make another Environment")
}

func validateWorkloads(workloads []replay.EnvironmentWorkload, owner string, path *field.Path) field.ErrorList {
	errs := validateMaxItems(len(workloads), maxWorkloads, path)
	if len(errs) > 0 {
		return errs
	}
	seen := map[string]bool{}
	for i := range workloads {
		workload, at := &workloads[i], path.Index(i)
		if seen[workload.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), workload.Name))
		}
		seen[workload.Name] = true
		errs = append(errs, validateWorkload(workload, owner, at)...)
	}
	return errs
}

func validateWorkload(workload *replay.EnvironmentWorkload, owner string, path *field.Path) field.ErrorList {
	errs := validateWorkloadReference(workload.Ref, path.Child("ref"))
	if workload.Ref.Name != "" {
		errs = append(errs, ValidateWorkloadName(workload.Name, owner, path.Child("name"))...)
	}
	errs = append(errs, validateEnum(workload.Strategy, path.Child("strategy"), replay.StrategyClone)...)
	errs = append(errs, validateContainers(workload.Containers, path.Child("containers"))...)
	errs = append(errs, validatePatterns(workload.Tests, path.Child("tests"))...)
	return append(errs, validatePatterns(workload.Mocks, path.Child("mocks"))...)
}

// ValidateWorkloadName checks the name that a workload has within an environment; owner is the name of the environment.
// Its copy is a Deployment and a Service named after both.
func ValidateWorkloadName(name, owner string, path *field.Path) (errs field.ErrorList) {
	for _, problem := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	if full := owner + "-" + name; len(errs) == 0 && len(full) > validation.DNS1123LabelMaxLength {
		errs = append(errs, field.Invalid(path, name, fmt.Sprintf("%q, the name of its Service, must be no more than %d characters; give the workload a shorter name",
			full, validation.DNS1123LabelMaxLength)))
	}
	if reservedWorkloads[name] {
		errs = append(errs, field.Invalid(path, name, "is the name of a part of every environment; give the workload another name"))
	}
	return errs
}

func validateContainers(containers []replay.ContainerOverride, path *field.Path) (errs field.ErrorList) {
	seen := map[string]bool{}
	for i, container := range containers {
		at := path.Index(i)
		if seen[container.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), container.Name))
		}
		seen[container.Name] = true
		switch {
		case container.Name != "":
			for _, problem := range validation.IsDNS1123Label(container.Name) {
				errs = append(errs, field.Invalid(at.Child("name"), container.Name, problem))
			}
		case len(containers) > 1:
			errs = append(errs, field.Required(at.Child("name"), "may be left empty only when there is one container"))
		}
		errs = append(errs, validateText(container.Image, maxImage, at.Child("image"))...)
		errs = append(errs, validateEnv(container.Env, at.Child("env"))...)
	}
	return errs
}

// validatePatterns checks the form of slice patterns. What they select is known only with the snapshot.
func validatePatterns(patterns []string, path *field.Path) field.ErrorList {
	errs := validateMaxItems(len(patterns), maxSlicePatterns, path)
	for i, pattern := range patterns {
		if pattern == "" {
			errs = append(errs, field.Required(path.Index(i), "a part of a slice key, or * for all"))
		}
	}
	return errs
}
