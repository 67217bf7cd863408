// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of Restage.
const GroupName = "replay.restage.dev"

// SchemeGroupVersion is the group and version of the types in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

var (
	// SchemeBuilder adds what this package has to a scheme: types, defaults, conversions and field labels.
	SchemeBuilder      = runtime.NewSchemeBuilder(addKnownTypes, RegisterDefaults, addFieldLabelConversions)
	localSchemeBuilder = &SchemeBuilder
	// AddToScheme adds what this package has to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Resource qualifies a resource, such as trafficreplays, with the group.
func Resource(resource string) schema.GroupResource {
	return SchemeGroupVersion.WithResource(resource).GroupResource()
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion,
		&TrafficCapture{}, &TrafficCaptureList{},
		&TrafficSnapshot{}, &TrafficSnapshotList{},
		&ReplayProfile{}, &ReplayProfileList{},
		&Environment{}, &EnvironmentList{},
		&EnvironmentClass{}, &EnvironmentClassList{},
		&TrafficReplay{}, &TrafficReplayList{}, &ReplayCancellation{}, &TrafficRecordsOptions{}, &ReplayLogOptions{},
	)
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
