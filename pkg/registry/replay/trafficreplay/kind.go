// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package trafficreplay describes the kind TrafficReplay and serves its report.
package trafficreplay

import (
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

// Kind describes TrafficReplay.
func Kind() *resource.Kind[*replay.TrafficReplay] {
	return &resource.Kind[*replay.TrafficReplay]{
		Plural: "trafficreplays", Singular: "trafficreplay", ShortNames: []string{"replay"},
		New:            func() *replay.TrafficReplay { return &replay.TrafficReplay{} },
		NewList:        func() runtime.Object { return &replay.TrafficReplayList{} },
		Spec:           func(r *replay.TrafficReplay) any { return r.Spec },
		SetSpec:        func(to, from *replay.TrafficReplay) { to.Spec = from.Spec },
		SetStatus:      func(to, from *replay.TrafficReplay) { to.Status = from.Status },
		Validate:       validation.ValidateTrafficReplay,
		ValidateUpdate: validation.ValidateTrafficReplayUpdate,
		ValidateStatus: func(r *replay.TrafficReplay) field.ErrorList {
			return validation.ValidateConditions(r.Status.Conditions)
		},
		Fields: func(r *replay.TrafficReplay) fields.Set {
			return fields.Set{v1alpha1.FieldSnapshotName: r.Spec.SnapshotName}
		},
		Warnings: warnings.ForTrafficReplay,
		Columns:  columns(),
		Cells:    cells,
	}
}

func columns() []metav1.TableColumnDefinition {
	return []metav1.TableColumnDefinition{
		resource.Column("Snapshot", "TrafficSnapshot that is replayed."),
		resource.Column("Progress", "Share of the requests that have been sent."),
		resource.Column("Verdict", "Pending, Running, Passed, Failed, or Error and its reason."),
		resource.Column("Requests", "Requests that were replayed."),
		resource.Column("Differing", "Responses that differ from the recording."),
		resource.Column("Match", "Share of the outbound calls that the recording holds."),
		resource.Column("P99", "99th percentile of latency, from the intended start of each request."),
		resource.Wide(resource.Column("Environment", "Environment that is used.")),
		resource.Wide(resource.Column("Escaped", "Connections that left the environment.")),
	}
}
