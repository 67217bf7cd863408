// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package trafficsnapshot describes the kind TrafficSnapshot and serves its records.
package trafficsnapshot

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/registry/resource"
	"github.com/restage-dev/restage/pkg/units"
)

// Kind describes TrafficSnapshot.
func Kind() *resource.Kind[*replay.TrafficSnapshot] {
	return &resource.Kind[*replay.TrafficSnapshot]{
		Plural: "trafficsnapshots", Singular: "trafficsnapshot", ShortNames: []string{"snapshot", "snapshots"},
		New:            func() *replay.TrafficSnapshot { return &replay.TrafficSnapshot{} },
		NewList:        func() runtime.Object { return &replay.TrafficSnapshotList{} },
		Spec:           func(s *replay.TrafficSnapshot) any { return s.Spec },
		SetSpec:        func(to, from *replay.TrafficSnapshot) { to.Spec = from.Spec },
		SetStatus:      func(to, from *replay.TrafficSnapshot) { to.Status = from.Status },
		Validate:       validation.ValidateTrafficSnapshot,
		ValidateUpdate: validation.ValidateTrafficSnapshotUpdate,
		ValidateStatus: func(s *replay.TrafficSnapshot) field.ErrorList {
			return validation.ValidateConditions(s.Status.Conditions)
		},
		Fields: func(s *replay.TrafficSnapshot) fields.Set {
			return fields.Set{v1alpha1.FieldWorkloadName: s.Spec.WorkloadRef.Name}
		},
		Trigger: v1alpha1.FieldWorkloadName,
		Columns: []metav1.TableColumnDefinition{
			resource.Column("Workload", "Workload that was recorded."),
			resource.Column("Ready", "Whether the snapshot can be replayed."),
			resource.NumberColumn("Inbound", "Calls that the workload received."),
			resource.NumberColumn("Outbound", "Calls that the workload made."),
			resource.Column("Complete", "Share of all calls seen that are held complete."),
			resource.Column("Size", "Size in blob storage."),
			resource.Wide(resource.Column("Reason", "Why the snapshot is ready or not.")),
			resource.Wide(resource.Column("From", "When the first request of the snapshot began.")),
			resource.Wide(resource.Column("To", "When the last request of the snapshot began.")),
		},
		Cells: cells,
	}
}

func cells(s *replay.TrafficSnapshot) []any {
	complete := resource.None
	if s.Status.Completeness != nil {
		complete = resource.Percent(s.Status.Completeness.Percent)
	}
	return []any{
		s.Spec.WorkloadRef.Name,
		resource.ConditionStatus(s.Status.Conditions, replay.ConditionReady),
		s.Status.Inbound, s.Status.Outbound, complete, units.Bytes(s.Status.SizeBytes),
		resource.ConditionReason(s.Status.Conditions, replay.ConditionReady), instant(s.Status.StartTime), instant(s.Status.EndTime),
	}
}

// instant writes a time to the second, in UTC.
func instant(t *metav1.MicroTime) string {
	if t == nil {
		return resource.None
	}
	return t.UTC().Format(time.RFC3339)
}
