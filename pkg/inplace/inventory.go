// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package inplace puts a live workload into an environment and gives it back exactly as it was. What was overwritten is kept in an annotation of the
// workload itself, which is written and taken away together with the change: whatever crashes in between, the workload is either as it was or
// carries all that is needed to make it so, and nothing else, neither Restage nor its API, is needed for that.
package inplace

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Annotation on a workload holds its inventory.
const Annotation = "replay.restage.dev/in-place"

// Inventory is what was overwritten in a workload.
type Inventory struct {
	// UID of the workload. A copy of its manifest, annotation and all, is another workload.
	UID types.UID `json:"uid"`
	// Environment and its UID say on whose behalf.
	Environment    string    `json:"environment"`
	EnvironmentUID types.UID `json:"environmentUID"`
	Changes        []change  `json:"changes"`
}

// Drift is a field that somebody else changed while the workload was in the environment. It is left as it is.
type Drift struct {
	// Field as kubectl explain writes it.
	Field string
	// Manager is the field manager of the change, "" when the workload does not say.
	Manager string
}

// Read returns the inventory of a workload, nil when it is in no environment.
func Read(deployment *appsv1.Deployment) (*Inventory, error) {
	text, ok := deployment.Annotations[Annotation]
	if !ok {
		return nil, nil
	}
	inventory := &Inventory{}
	if err := json.Unmarshal([]byte(text), inventory); err != nil {
		return nil, fmt.Errorf("annotation %s of Deployment %q: %w", Annotation, deployment.Name, err)
	}
	if inventory.UID != deployment.UID {
		return nil, nil
	}
	return inventory, nil
}

// Hash tells one template from another.
func Hash(template *corev1.PodTemplateSpec) (string, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("writing the template: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16]), nil
}

// take returns the inventory of a change of the template.
func take(live *appsv1.Deployment, template *corev1.PodTemplateSpec, environment string, uid types.UID) (*Inventory, error) {
	before, err := tree(&live.Spec.Template)
	if err != nil {
		return nil, err
	}
	after, err := tree(template)
	if err != nil {
		return nil, err
	}
	return &Inventory{UID: live.UID, Environment: environment, EnvironmentUID: uid, Changes: diff(before, after, nil)}, nil
}

// restore returns the template with every change taken back, but for those that drifted.
func (i *Inventory) restore(deployment *appsv1.Deployment) (*corev1.PodTemplateSpec, []Drift, error) {
	var current any
	current, err := tree(&deployment.Spec.Template)
	if err != nil {
		return nil, nil, err
	}
	var drifts []Drift
	for _, c := range i.Changes {
		switch now := at(current, c.Path); {
		case reflect.DeepEqual(now, c.Before), at(current, c.Path[:len(c.Path)-1]) == nil: // it is back already, or gone with what it was in
		case reflect.DeepEqual(now, c.After), c.isOurs():
			current = put(current, c.Path, c.Before)
		default:
			drifts = append(drifts, Drift{Field: c.field(), Manager: managerOf(deployment, c.Path)})
		}
	}
	template := &corev1.PodTemplateSpec{}
	data, err := json.Marshal(current)
	if err != nil {
		return nil, nil, err
	}
	return template, drifts, json.Unmarshal(data, template)
}

// isOurs tells of what has a reserved name: whoever changed it, it is taken out, as a workload cannot run with half of it.
func (c change) isOurs() bool {
	if c.Before != nil || len(c.Path) != 3 {
		return false
	}
	name, ok := itemName(c.Path[2])
	return ok && slices.Contains([]string{wiring.InitContainerName, wiring.ProxyContainerName, wiring.EnvironmentVolume, wiring.TrustVolume}, name)
}

// tree is the template as JSON has it.
func tree(template *corev1.PodTemplateSpec) (any, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("writing the template: %w", err)
	}
	var value any
	return value, json.Unmarshal(data, &value)
}
