// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// SchemeGroupVersion is the group and version of the types in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: v1alpha1.GroupName, Version: "v1beta1"}

var (
	// SchemeBuilder adds what this package has to a scheme.
	SchemeBuilder      = runtime.NewSchemeBuilder(addKnownTypes, RegisterDefaults, addFieldLabelConversions)
	localSchemeBuilder = &SchemeBuilder
	// AddToScheme adds what this package has to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// FieldSnapshot selects replays by the snapshot that they play, by the name that the field has here.
const FieldSnapshot = "spec.snapshot"

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &TrafficReplay{}, &TrafficReplayList{}, &ReplayCancellation{}, &ReplayLogOptions{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}

func addFieldLabelConversions(scheme *runtime.Scheme) error {
	return scheme.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind("TrafficReplay"),
		func(label, value string) (string, string, error) {
			switch label {
			case "metadata.name", "metadata.namespace":
				return label, value, nil
			case FieldSnapshot:
				return v1alpha1.FieldSnapshotName, value, nil
			default:
				return "", "", fmt.Errorf("field label %q is not supported", label)
			}
		})
}
