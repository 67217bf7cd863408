// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package trafficreplay describes the kind TrafficReplay and serves its report.
package trafficreplay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/apis/replay/warnings"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

// Kind describes TrafficReplay.
func Kind() *resource.Kind[*replay.TrafficReplay] {
	return &resource.Kind[*replay.TrafficReplay]{
		Plural: "trafficreplays", Singular: "trafficreplay", ShortNames: []string{"replay", "replays"},
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
		DeriveStatus: func(r *replay.TrafficReplay) { r.Status.Phase = phase(r.Status.Conditions) },
		Derived:      []fieldpath.Path{fieldpath.MakePathOrDie("status", "phase")},
		Fields: func(r *replay.TrafficReplay) fields.Set {
			return fields.Set{v1alpha1.FieldSnapshotName: r.Spec.SnapshotName, v1alpha1.FieldPhase: string(r.Status.Phase)}
		},
		Warnings: warnings.ForTrafficReplay,
		Trigger:  v1alpha1.FieldSnapshotName,
		Columns:  columns(),
		Cells:    cells,
	}
}

func columns() []metav1.TableColumnDefinition {
	return []metav1.TableColumnDefinition{
		resource.Column("Snapshot", "TrafficSnapshot that is replayed."),
		resource.Column("Progress", "Share of the requests that have been sent."),
		resource.Column("Verdict", "Phase of the replay; when it is Error, with its reason."),
		resource.Column("Requests", "Requests that were replayed."),
		resource.Column("Differing", "Responses that differ from the recording."),
		resource.Column("Match", "Share of the outbound calls that the recording holds."),
		resource.Column("P99", "99th percentile of latency, from the intended start of each request."),
		resource.Wide(resource.Column("Mode", "Which halves of the replay run.")),
		resource.Wide(resource.Column("Profile", "ReplayProfile that is named.")),
		resource.Wide(resource.Column("Build", "Build under test.")),
		resource.Wide(resource.Column("Environment", "Environment that is used.")),
		resource.Wide(resource.Column("Escaped", "Connections that left the environment.")),
	}
}
