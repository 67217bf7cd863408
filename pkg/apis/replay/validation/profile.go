// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"strconv"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
)

const (
	minSpeed = 0.1
	maxSpeed = 100
)

// ValidateReplayProfile checks a profile.
func ValidateReplayProfile(profile *replay.ReplayProfile) field.ErrorList {
	errs := validateName(profile.Name, apivalidation.NameIsDNSSubdomain)
	return append(errs, validateProfileSpec(&profile.Spec, specPath)...)
}

// validateProfileSpec checks settings of which any may be absent.
func validateProfileSpec(profile *replay.ReplayProfileSpec, path *field.Path) field.ErrorList {
	errs := validateLoad(&profile.Load, path.Child("load"))
	errs = append(errs, validateResponder(&profile.Responder, path.Child("responder"))...)
	errs = append(errs, validateComparison(&profile.Comparison, path.Child("comparison"))...)
	return append(errs, validateGoals(profile.Goals, path.Child("goals"))...)
}

func validateLoad(load *replay.LoadProfile, path *field.Path) field.ErrorList {
	errs := validateSpeed(load.Speed, path.Child("speed"))
	return append(errs, validatePositive(load.RequestTimeout, path.Child("requestTimeout"))...)
}

func validateSpeed(speed string, path *field.Path) field.ErrorList {
	if speed == "" {
		return nil
	}
	// A comparison with not-a-number is false, so that is refused too.
	if value, err := strconv.ParseFloat(speed, 64); err == nil && value >= minSpeed && value <= maxSpeed {
		return nil
	}
	return field.ErrorList{field.Invalid(path, speed, fmt.Sprintf("must be a decimal number from %v to %v", minSpeed, maxSpeed))}
}

func validateResponder(responder *replay.ResponderProfile, path *field.Path) field.ErrorList {
	if responder.MissStatus != nil && responder.OnMiss == replay.MissFail {
		return field.ErrorList{field.Forbidden(path.Child("missStatus"), "may be given only when onMiss is Status")}
	}
	return nil
}

func validateComparison(comparison *replay.ComparisonProfile, path *field.Path) (errs field.ErrorList) {
	headers, ignore := path.Child("headers"), path.Child("ignore")
	for i, name := range comparison.Headers {
		for _, problem := range validation.IsHTTPHeaderName(name) {
			errs = append(errs, field.Invalid(headers.Index(i), name, problem))
		}
	}
	for i, text := range comparison.Ignore {
		if _, err := compare.ParsePath(text); err != nil {
			errs = append(errs, field.Invalid(ignore.Index(i), text, err.Error()))
		}
	}
	return errs
}

func validateGoals(goals []replay.Goal, path *field.Path) (errs field.ErrorList) {
	for i, g := range goals {
		if g.Expression == "" {
			continue
		}
		if _, err := goal.Compile(g.Expression); err != nil {
			errs = append(errs, field.Invalid(path.Index(i).Child("expression"), g.Expression, err.Error()))
		}
	}
	return errs
}
