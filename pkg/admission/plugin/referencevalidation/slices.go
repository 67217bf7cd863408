// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic"
)

// checkSlices refuses patterns that select no slice of the snapshot or that are ambiguous. The slices are known
// only when the snapshot has been cut; before, every pattern is accepted and the controller resolves it later.
func checkSlices(workloads []replay.EnvironmentWorkload, snapshot *v1alpha1.TrafficSnapshot) (errs field.ErrorList) {
	if !meta.IsStatusConditionTrue(snapshot.Status.Conditions, v1alpha1.ConditionReady) {
		return nil
	}
	inbound, outbound := keys(snapshot, v1alpha1.DirectionInbound), keys(snapshot, v1alpha1.DirectionOutbound)
	for i, workload := range workloads {
		path := specPath.Child("workloads").Index(i)
		errs = append(errs, checkPatterns(workload.Tests, inbound, path.Child("tests"))...)
		errs = append(errs, checkPatterns(workload.Mocks, outbound, path.Child("mocks"))...)
	}
	return errs
}

func checkPatterns(patterns, known []string, path *field.Path) (errs field.ErrorList) {
	for i, pattern := range patterns {
		if _, err := traffic.ResolveKey(pattern, known); err != nil {
			errs = append(errs, field.Invalid(path.Index(i), pattern, err.Error()))
		}
	}
	return errs
}

func keys(snapshot *v1alpha1.TrafficSnapshot, direction v1alpha1.Direction) (found []string) {
	for _, slice := range snapshot.Status.Slices {
		if slice.Direction == direction {
			found = append(found, slice.Key)
		}
	}
	return found
}
