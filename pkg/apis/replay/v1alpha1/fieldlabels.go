// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// FieldSnapshotName selects replays by the snapshot that they play.
const FieldSnapshotName = "spec.snapshotName"

func addFieldLabelConversions(scheme *runtime.Scheme) error {
	return scheme.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind("TrafficReplay"),
		func(label, value string) (string, string, error) {
			switch label {
			case "metadata.name", "metadata.namespace", FieldSnapshotName:
				return label, value, nil
			default:
				return "", "", fmt.Errorf("field label %q is not supported; supported are metadata.name, metadata.namespace and %s",
					label, FieldSnapshotName)
			}
		})
}
