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

	maxHeaders = 64
	maxIgnore  = 256
	maxGoals   = 64
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
	errs := validateOptionalEnum(load.Pattern, path.Child("pattern"), replay.LoadRecorded)
	errs = append(errs, validateSpeed(load.Speed, path.Child("speed"))...)
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
	errs := validateOptionalEnum(responder.OnMiss, path.Child("onMiss"), replay.MissFail, replay.MissStatus)
	errs = append(errs, validateOptionalEnum(responder.Latency, path.Child("latency"), replay.LatencyRecorded, replay.LatencyNone)...)
	if responder.MissStatus == nil {
		return errs
	}
	status := path.Child("missStatus")
	if responder.OnMiss == replay.MissFail {
		errs = append(errs, field.Forbidden(status, "may be given only when onMiss is Status"))
	}
	if *responder.MissStatus < 100 || *responder.MissStatus > 599 {
		errs = append(errs, field.Invalid(status, *responder.MissStatus, "must be an HTTP status from 100 to 599"))
	}
	return errs
}

func validateComparison(comparison *replay.ComparisonProfile, path *field.Path) field.ErrorList {
	headers, ignore := path.Child("headers"), path.Child("ignore")
	errs := validateMaxItems(len(comparison.Headers), maxHeaders, headers)
	errs = append(errs, validateMaxItems(len(comparison.Ignore), maxIgnore, ignore)...)
	if len(errs) > 0 {
		return errs
	}
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

func validateGoals(goals []replay.Goal, path *field.Path) field.ErrorList {
	errs := validateMaxItems(len(goals), maxGoals, path)
	if len(errs) > 0 {
		return errs
	}
	seen := map[string]bool{}
	for i, g := range goals {
		at := path.Index(i)
		if seen[g.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), g.Name))
		}
		seen[g.Name] = true
		errs = append(errs, validateGoal(g, at)...)
	}
	return errs
}

func validateGoal(g replay.Goal, path *field.Path) (errs field.ErrorList) {
	name, expression := path.Child("name"), path.Child("expression")
	if g.Name == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		for _, problem := range validation.IsQualifiedName(g.Name) {
			errs = append(errs, field.Invalid(name, g.Name, problem))
		}
	}
	if g.Expression == "" {
		return append(errs, field.Required(expression, "a CEL expression over summary, such as summary.differing == 0"))
	}
	if _, err := goal.Compile(g.Expression); err != nil {
		errs = append(errs, field.Invalid(expression, g.Expression, err.Error()))
	}
	return errs
}
