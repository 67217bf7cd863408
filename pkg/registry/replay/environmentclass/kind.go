// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package environmentclass describes the kind EnvironmentClass.
package environmentclass

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

// Kind describes EnvironmentClass.
func Kind() *resource.Kind[*replay.EnvironmentClass] {
	return &resource.Kind[*replay.EnvironmentClass]{
		Plural: "environmentclasses", Singular: "environmentclass", ShortNames: []string{"envclass", "envclasses"}, ClusterScoped: true,
		New:      func() *replay.EnvironmentClass { return &replay.EnvironmentClass{} },
		NewList:  func() runtime.Object { return &replay.EnvironmentClassList{} },
		Spec:     func(c *replay.EnvironmentClass) any { return c.Spec },
		Validate: validation.ValidateEnvironmentClass,
		ValidateUpdate: func(updated, _ *replay.EnvironmentClass) field.ErrorList {
			return validation.ValidateEnvironmentClass(updated)
		},
		Columns: []metav1.TableColumnDefinition{
			resource.Column("Default", "Whether the class is taken where none is named."),
			resource.Column("Pull", "Pull policy of the images that Restage adds."),
			resource.Column("Interception", "How connections of copies are led to the responder: Redirect, Explicit, or as the namespace allows."),
			resource.Column("Timeout", "Longest timeout that a replay may ask for."),
			resource.Wide(resource.Column("Nodes", "Labels of the nodes that environments run on.")),
		},
		Cells: func(c *replay.EnvironmentClass) []any {
			isDefault, timeout := "", resource.None
			if c.Annotations[v1alpha1.AnnotationDefaultClass] == "true" {
				isDefault = "yes"
			}
			if c.Spec.MaxTimeout != nil {
				timeout = c.Spec.MaxTimeout.Duration.String()
			}
			return []any{isDefault, string(c.Spec.ImagePullPolicy), string(c.Spec.Interception), timeout, labels.FormatLabels(c.Spec.NodeSelector)}
		},
	}
}
