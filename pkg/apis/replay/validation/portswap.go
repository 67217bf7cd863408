// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/wiring"
)

// validatePortSwaps checks what the tags of the types cannot say.
func validatePortSwaps(swaps []replay.PortSwap, path *field.Path) (errs field.ErrorList) {
	taken := append(wiring.ProxyPorts(), wiring.ExplicitDNSPort)
	for i, swap := range swaps {
		at := path.Index(i)
		if slices.Contains(taken, swap.To) {
			errs = append(errs, field.Invalid(at.Child("to"), swap.To, "the port is taken by the proxy"))
		}
		if slices.ContainsFunc(swaps, func(other replay.PortSwap) bool { return other.Port == swap.To }) {
			errs = append(errs, field.Invalid(at.Child("to"), swap.To, "must not be a port that is swapped"))
		}
		if slices.ContainsFunc(swaps[:i], func(other replay.PortSwap) bool { return other.To == swap.To }) {
			errs = append(errs, field.Duplicate(at.Child("to"), swap.To))
		}
		switch {
		case swap.Variable == "" && swap.Argument == "":
			errs = append(errs, field.Required(at.Child("variable"), "variable or argument says how the container is told where to listen"))
		case swap.Variable != "" && swap.Argument != "":
			errs = append(errs, field.Invalid(at.Child("argument"), swap.Argument, "must be empty when variable is set"))
		case swap.Variable != "":
			for _, problem := range validation.IsRelaxedEnvVarName(swap.Variable) {
				errs = append(errs, field.Invalid(at.Child("variable"), swap.Variable, problem))
			}
		}
	}
	return errs
}
