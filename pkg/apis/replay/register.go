// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of Restage.
const GroupName = "replay.restage.dev"

// SchemeGroupVersion is the group and the internal version.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}

var (
	// SchemeBuilder adds what this package has to a scheme.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
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
	return nil
}

// Kind qualifies a kind, such as TrafficReplay, with the group.
func Kind(kind string) schema.GroupKind {
	return SchemeGroupVersion.WithKind(kind).GroupKind()
}
