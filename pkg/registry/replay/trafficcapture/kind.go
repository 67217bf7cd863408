// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package trafficcapture describes the kind TrafficCapture.
package trafficcapture

import (
	"fmt"

	metatable "k8s.io/apimachinery/pkg/api/meta/table"
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

// Kind describes TrafficCapture.
func Kind() *resource.Kind[*replay.TrafficCapture] {
	return &resource.Kind[*replay.TrafficCapture]{
		Plural: "trafficcaptures", Singular: "trafficcapture", ShortNames: []string{"capture", "captures"},
		New:            func() *replay.TrafficCapture { return &replay.TrafficCapture{} },
		NewList:        func() runtime.Object { return &replay.TrafficCaptureList{} },
		Spec:           func(c *replay.TrafficCapture) any { return c.Spec },
		SetSpec:        func(to, from *replay.TrafficCapture) { to.Spec = from.Spec },
		SetStatus:      func(to, from *replay.TrafficCapture) { to.Status = from.Status },
		Validate:       validation.ValidateTrafficCapture,
		ValidateUpdate: validation.ValidateTrafficCaptureUpdate,
		ValidateStatus: func(c *replay.TrafficCapture) field.ErrorList {
			return validation.ValidateConditions(c.Status.Conditions)
		},
		Fields: func(c *replay.TrafficCapture) fields.Set {
			return fields.Set{v1alpha1.FieldWorkloadName: c.Spec.WorkloadRef.Name}
		},
		Trigger: v1alpha1.FieldWorkloadName,
		Columns: []metav1.TableColumnDefinition{
			resource.Column("Workload", "Workload that is recorded."),
			resource.Column("Ready", "Whether every pod of the workload runs the recording proxy."),
			resource.Column("Recording", "Pods that run the recording proxy, of all pods of the workload."),
			resource.Column("Records", "Calls held."),
			resource.Column("Complete", "Share of all calls seen that are held complete."),
			resource.Column("Last", "Time since the newest record was taken."),
			resource.Wide(resource.Column("Reason", "Why the capture is ready or not.")),
			resource.Wide(resource.Column("Dropped", "Calls known to have been lost.")),
			resource.Wide(resource.Column("Rate", "Calls taken a second, over the last minute.")),
			resource.Wide(resource.Column("Size", "Size, in blob storage, of the recorded traffic that is kept.")),
		},
		Cells: cells,
	}
}

func cells(c *replay.TrafficCapture) []any {
	records, dropped, complete, last := resource.None, resource.None, resource.None, resource.None
	if held := c.Status.Completeness; held != nil {
		records, dropped = fmt.Sprint(held.Records), fmt.Sprint(held.Dropped)
		complete = resource.Percent(held.Percent)
	}
	if t := c.Status.LastRecordTime; t != nil {
		last = metatable.ConvertToHumanReadableDateType(*t)
	}
	return []any{
		c.Spec.WorkloadRef.Name,
		resource.ConditionStatus(c.Status.Conditions, replay.ConditionReady),
		fmt.Sprintf("%d/%d", c.Status.RecordingPods, c.Status.Pods),
		records, complete, last, resource.ConditionReason(c.Status.Conditions, replay.ConditionReady), dropped,
		fmt.Sprintf("%d/s", c.Status.Rate), units.Bytes(c.Status.SizeBytes),
	}
}
