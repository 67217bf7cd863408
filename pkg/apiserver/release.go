// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	baseversion "k8s.io/component-base/version"
)

const (
	// ComponentName is what flags call this server, as in --emulated-version=restage=0.1.
	ComponentName = "restage"
	// firstRelease is the oldest that can be emulated.
	firstRelease = "0.1"
)

// newComponents returns the versions and feature gates of Restage and of the Kubernetes libraries in it. It is not the registry of
// the process, so that servers in one process may emulate different releases.
func newComponents(release string) basecompatibility.ComponentGlobalsRegistry {
	registry := basecompatibility.NewComponentGlobalsRegistry()
	utilruntime.Must(registry.Register(ComponentName,
		basecompatibility.NewEffectiveVersionFromString(release, firstRelease, firstRelease),
		featuregate.NewVersionedFeatureGate(version.MustParse(release))))
	utilruntime.Must(registry.Register(basecompatibility.DefaultKubeComponent,
		compatibility.DefaultBuildEffectiveVersion(), utilfeature.DefaultMutableFeatureGate))
	utilruntime.Must(registry.SetVersionMapping(ComponentName, basecompatibility.DefaultKubeComponent, kubernetesOf))
	return registry
}

// kubernetesOf returns the version of Kubernetes that a release of Restage was built with: so far all with this one.
func kubernetesOf(*version.Version) *version.Version {
	return version.MustParse(baseversion.DefaultKubeBinaryVersion)
}
