// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Fields that objects can be selected by, besides metadata.name and metadata.namespace.
const (
	// FieldSnapshotName selects replays and environments by the snapshot that they play.
	FieldSnapshotName = "spec.snapshotName"
	// FieldClassName selects environments by their class.
	FieldClassName = "spec.className"
	// FieldWorkloadName selects captures and snapshots by the workload that is recorded.
	FieldWorkloadName = "spec.workloadRef.name"
	// FieldPhase selects replays by how they stand.
	FieldPhase = "status.phase"
)

// selectableFields returns the fields by kind. A kind that is not here has metadata.name and metadata.namespace only.
func selectableFields() map[string][]string {
	return map[string][]string{
		"TrafficCapture":  {FieldWorkloadName},
		"TrafficSnapshot": {FieldWorkloadName},
		"Environment":     {FieldSnapshotName, FieldClassName},
		"TrafficReplay":   {FieldSnapshotName, FieldPhase},
	}
}

func addFieldLabelConversions(scheme *runtime.Scheme) error {
	for kind, fields := range selectableFields() {
		allowed := append([]string{"metadata.name", "metadata.namespace"}, fields...)
		err := scheme.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind(kind), func(label, value string) (string, string, error) {
			if slices.Contains(allowed, label) {
				return label, value, nil
			}
			return "", "", fmt.Errorf("field label %q is not supported; supported are %s", label, strings.Join(allowed, ", "))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
