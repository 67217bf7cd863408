// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An error that is marked as one that tags find as well is logged as a difference when none does.
func TestConditionsAreCheckedByHandAlone(t *testing.T) {
	errs := ValidateConditions([]metav1.Condition{{Type: "Ready", Status: "Maybe"}, {Type: "Ready"}})
	if len(errs) < 4 {
		t.Errorf("errors are %v, want those of a duplicate, a status, a reason and a time", errs)
	}
	for _, err := range errs {
		if err.CoveredByDeclarative {
			t.Errorf("no tag of ours finds %v", err)
		}
	}
}
