// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/compatibility"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// servedVersions returns what is served in each version of the API: the resources whose kind the version has, unless they came
// after the release that is emulated or are gone in it. Subresources come and go with their resource.
func (o *Options) servedVersions(storage map[string]rest.Storage, release compatibility.EffectiveVersion) (map[string]map[string]rest.Storage, error) {
	kinds := map[string]map[string]rest.Storage{}
	for _, version := range o.api.Scheme.PrioritizedVersionsForGroup(replay.GroupName) {
		kinds[version.Version] = map[string]rest.Storage{}
		for name, serving := range storage {
			if strings.Contains(name, "/") {
				continue
			}
			has, err := o.hasKind(version, serving)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if has {
				kinds[version.Version][name] = lasting{serving}
			}
		}
	}
	evaluator, err := genericapiserver.NewResourceExpirationEvaluatorFromOptions(genericapiserver.ResourceExpirationEvaluatorOptions{
		CurrentVersion:             release.EmulationVersion(),
		EmulationForwardCompatible: o.ServerRun.EmulationForwardCompatible,
	})
	if err != nil {
		return nil, err
	}
	if err := evaluator.RemoveUnavailableKinds(replay.GroupName, o.api.Scheme, kinds, nil); err != nil {
		return nil, err
	}
	return withSubresources(kinds, storage), nil
}

func withSubresources(kinds map[string]map[string]rest.Storage, storage map[string]rest.Storage) map[string]map[string]rest.Storage {
	versions := map[string]map[string]rest.Storage{}
	for version, served := range kinds {
		versions[version] = map[string]rest.Storage{}
		for name, serving := range storage {
			resource, _, _ := strings.Cut(name, "/")
			if _, ok := served[resource]; ok {
				versions[version][name] = serving
			}
		}
	}
	return versions
}

func (o *Options) hasKind(version schema.GroupVersion, storage rest.Storage) (bool, error) {
	kinds, _, err := o.api.Scheme.ObjectKinds(storage.New())
	if err != nil {
		return false, err
	}
	return o.api.Scheme.Recognizes(version.WithKind(kinds[0].Kind)), nil
}

// lasting is storage that is not torn down when one version stops being served: the others share it.
type lasting struct {
	rest.Storage
}

func (lasting) Destroy() {}
