// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"net/url"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// ValidateTrafficReplay checks a new replay.
func ValidateTrafficReplay(r *replay.TrafficReplay) field.ErrorList {
	spec := &r.Spec
	errs := validateOwnerName(r.Name)
	errs = append(errs, validatePlace(r)...)
	if spec.Profile != nil {
		errs = append(errs, validateProfileSpec(spec.Profile, specPath.Child("profile"))...)
	}
	errs = append(errs, validatePositive(spec.Timeout, specPath.Child("timeout"))...)
	errs = append(errs, validateNotNegative(spec.TTLAfterFinished, specPath.Child("ttlAfterFinished"))...)
	return append(errs, validateText(spec.BuildTag, specPath.Child("buildTag"))...)
}

// ValidateTrafficReplayUpdate checks a changed replay.
func ValidateTrafficReplayUpdate(r, old *replay.TrafficReplay) field.ErrorList {
	return validateImmutable(r.Spec, old.Spec, specPath, "make another TrafficReplay")
}

// validatePlace checks where the replay runs: in an environment that is made for it, a standing one, or against a target.
func validatePlace(r *replay.TrafficReplay) field.ErrorList {
	spec := &r.Spec
	environment, target, workloads := specPath.Child("environment"), specPath.Child("target"), specPath.Child("workloads")
	errs := validateWorkloads(spec.Workloads, r.Name, workloads)
	switch {
	case spec.Mode == replay.ModeLoadOnly && spec.Target == nil:
		errs = append(errs, field.Required(target, "the mode LoadOnly needs a system to replay against"))
	case spec.Mode != replay.ModeLoadOnly && spec.Target != nil:
		errs = append(errs, field.Forbidden(target, "may be given only with the mode LoadOnly"))
	}
	if spec.Target != nil {
		errs = append(errs, validateTarget(spec.Target.URL, target.Child("url"))...)
		if len(spec.Workloads) > 0 {
			errs = append(errs, field.Forbidden(workloads, "may not be given together with target"))
		}
	}
	if spec.Environment == nil {
		return errs
	}
	if spec.Target != nil {
		errs = append(errs, field.Forbidden(environment, "may not be given together with target"))
	}
	if spec.Environment.Name != "" && len(spec.Workloads) > 0 {
		errs = append(errs, field.Forbidden(workloads, "may not be given together with a standing environment, which has its own"))
	}
	return errs
}

// validateTarget accepts http://host[:port].
func validateTarget(text string, path *field.Path) field.ErrorList {
	if text == "" {
		return nil // its tag refuses it
	}
	invalid := func(problem string) field.ErrorList {
		return field.ErrorList{field.Invalid(path, text, problem)}
	}
	target, err := url.Parse(text)
	switch {
	case err != nil:
		return invalid("must be http://host[:port]: " + err.Error())
	case target.Scheme != "http":
		return invalid("the scheme must be http")
	case target.Hostname() == "":
		return invalid("must name a host: http://host[:port]")
	case target.User != nil:
		return invalid("must not hold a user or password")
	case target.Path != "" && target.Path != "/" || target.RawQuery != "" || target.Fragment != "":
		return invalid("must have neither path nor query: they come from the recording")
	}
	if text := target.Port(); text != "" {
		if port, err := strconv.Atoi(text); err != nil || len(validation.IsValidPortNum(port)) > 0 {
			return invalid("the port must be from 1 to 65535")
		}
	}
	return nil
}
