// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// objects of an installation.
type objects []*unstructured.Unstructured

// Names of the Deployments in the manifests, each with one container called as the part.
const (
	apiserver  = "apiserver"
	controller = "controller"
)

// parts are all Deployments of the manifests.
var parts = []string{apiserver, controller}

// kind returns the objects of a kind.
func (all objects) kind(kind string) (found objects) {
	for _, object := range all {
		if object.GetKind() == kind {
			found = append(found, object)
		}
	}
	return found
}

// podSpec returns the spec of the pods of a part, to be changed.
func (all objects) podSpec(part string) (map[string]any, error) {
	for _, object := range all.kind("Deployment") {
		if object.GetName() == "restage-"+part {
			spec, found, err := unstructured.NestedFieldNoCopy(object.Object, "spec", "template", "spec")
			if typed, ok := spec.(map[string]any); found && err == nil && ok {
				return typed, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no Deployment restage-%s with a pod template", part)
}

// container returns the one container of a part, to be changed.
func (all objects) container(part string) (map[string]any, error) {
	spec, err := all.podSpec(part)
	if err != nil {
		return nil, err
	}
	containers, _ := spec["containers"].([]any)
	if len(containers) == 1 {
		if container, ok := containers[0].(map[string]any); ok {
			return container, nil
		}
	}
	return nil, fmt.Errorf("the Deployment restage-%s has not one container", part)
}

// variable returns an environment variable of a part, to be changed.
func (all objects) variable(part, name string) (map[string]any, error) {
	container, err := all.container(part)
	if err != nil {
		return nil, err
	}
	variables, _ := container["env"].([]any)
	for _, entry := range variables {
		if variable, ok := entry.(map[string]any); ok && variable["name"] == name {
			return variable, nil
		}
	}
	return nil, fmt.Errorf("the Deployment restage-%s has no variable %s", part, name)
}

// setVariable gives a variable that the manifests have another value.
func (all objects) setVariable(part, name, value string) error {
	variable, err := all.variable(part, name)
	if err != nil {
		return err
	}
	variable["value"] = value
	return nil
}
