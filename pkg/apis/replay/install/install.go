// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package install adds the API of Restage, all versions of it, to a scheme.
package install

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Version is one version of the API.
type Version struct {
	schema.GroupVersion
	AddToScheme func(*runtime.Scheme) error
}

// Versions returns all versions, the preferred one first. Every part of the server goes by this list.
func Versions() []Version {
	return []Version{
		{v1alpha1.SchemeGroupVersion, v1alpha1.AddToScheme},
	}
}

// Install adds the internal form and every version to the scheme.
func Install(scheme *runtime.Scheme) {
	InstallVersions(scheme, Versions()...)
}

// InstallVersions adds the internal form and the given versions to the scheme, the preferred one first.
func InstallVersions(scheme *runtime.Scheme, versions ...Version) {
	utilruntime.Must(replay.AddToScheme(scheme))
	priority := make([]schema.GroupVersion, len(versions))
	for i, version := range versions {
		utilruntime.Must(version.AddToScheme(scheme))
		priority[i] = version.GroupVersion
	}
	utilruntime.Must(scheme.SetVersionPriority(priority...))
}
