// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package environment describes the kind Environment.
package environment

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/apis/replay/warnings"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

// Kind describes Environment.
func Kind() *resource.Kind[*replay.Environment] {
	return &resource.Kind[*replay.Environment]{
		Plural: "environments", Singular: "environment", ShortNames: []string{"env", "envs"},
		New:              func() *replay.Environment { return &replay.Environment{} },
		NewList:          func() runtime.Object { return &replay.EnvironmentList{} },
		Spec:             func(e *replay.Environment) any { return e.Spec },
		SetSpec:          func(to, from *replay.Environment) { to.Spec = from.Spec },
		SetStatus:        func(to, from *replay.Environment) { to.Status = from.Status },
		KeepServerFields: keepServerFields,
		Validate:         validation.ValidateEnvironment,
		ValidateUpdate:   validation.ValidateEnvironmentUpdate,
		ValidateStatus: func(e *replay.Environment) field.ErrorList {
			return validation.ValidateConditions(e.Status.Conditions)
		},
		Warnings: warnings.ForEnvironment,
		Fields: func(e *replay.Environment) fields.Set {
			return fields.Set{v1alpha1.FieldSnapshotName: e.Spec.SnapshotName, v1alpha1.FieldClassName: e.Spec.ClassName}
		},
		Trigger: v1alpha1.FieldSnapshotName,
		Columns: []metav1.TableColumnDefinition{
			resource.Column("Class", "EnvironmentClass that the environment is of."),
			resource.Column("Snapshot", "TrafficSnapshot that dependencies are played from."),
			resource.Column("Workloads", "Workloads that are copied into the environment."),
			resource.Column("Ready", "Whether the responder answers and every copy is ready."),
			resource.Column("Isolated", "Whether the rules stand in every copy and a connection that tried to leave was refused."),
			resource.Wide(resource.Column("Reason", "Why the environment is ready or not.")),
			resource.Wide(resource.Column("Refused", "Connections of the copies that were refused.")),
			resource.Wide(resource.Column("Responder", "Address on which the responder takes calls.")),
		},
		Cells: cells,
	}
}

func cells(e *replay.Environment) []any {
	workloads := make([]string, len(e.Spec.Workloads))
	for i, workload := range e.Spec.Workloads {
		workloads[i] = workload.Name
	}
	refused := resource.None
	if e.Status.Egress != nil {
		refused = fmt.Sprint(e.Status.Egress.Refused)
	}
	return []any{
		resource.Or(e.Spec.ClassName), e.Spec.SnapshotName, strings.Join(workloads, ","),
		resource.ConditionStatus(e.Status.Conditions, replay.ConditionReady),
		resource.ConditionStatus(e.Status.Conditions, replay.EnvironmentIsolated),
		resource.ConditionReason(e.Status.Conditions, replay.ConditionReady), refused, resource.Or(e.Status.ResponderAddress),
	}
}

// keepServerFields keeps what admission filled in at creation, so that a manifest without it can be applied again.
func keepServerFields(updated, old *replay.Environment) {
	if updated.Spec.ClassName == "" {
		updated.Spec.ClassName = old.Spec.ClassName
	}
	if len(updated.Spec.Workloads) != len(old.Spec.Workloads) {
		return
	}
	for i := range updated.Spec.Workloads {
		to, from := &updated.Spec.Workloads[i], &old.Spec.Workloads[i]
		if to.Name != from.Name {
			continue
		}
		to.Template = from.Template
		if len(to.Containers) == 1 && len(from.Containers) == 1 && to.Containers[0].Name == "" {
			to.Containers[0].Name = from.Containers[0].Name
		}
	}
}
