// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/restage-dev/restage/pkg/compare"
)

// DifferencesOf returns the listed differences of one of the report's endpoints.
func (r *Report) DifferencesOf(e *Endpoint) (of []Difference) {
	for _, d := range r.Differences {
		method, target, _ := strings.Cut(d.Operation, " ")
		operation := compare.Operation(method, target)
		known := slices.ContainsFunc(r.Endpoints, func(other Endpoint) bool { return other.Key == d.Key && other.Operation == operation })
		if e.Key == d.Key && e.Operation == operation || !known && e.Operation == otherOperation {
			of = append(of, d)
		}
	}
	return of
}
