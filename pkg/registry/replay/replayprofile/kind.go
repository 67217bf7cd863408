// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package replayprofile describes the kind ReplayProfile.
package replayprofile

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/apis/replay/warnings"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

// Kind describes ReplayProfile.
func Kind() *resource.Kind[*replay.ReplayProfile] {
	return &resource.Kind[*replay.ReplayProfile]{
		Plural: "replayprofiles", Singular: "replayprofile", ShortNames: []string{"profile", "profiles"},
		New:      func() *replay.ReplayProfile { return &replay.ReplayProfile{} },
		NewList:  func() runtime.Object { return &replay.ReplayProfileList{} },
		Spec:     func(p *replay.ReplayProfile) any { return p.Spec },
		Validate: validation.ValidateReplayProfile,
		ValidateUpdate: func(updated, _ *replay.ReplayProfile) field.ErrorList {
			return validation.ValidateReplayProfile(updated)
		},
		Warnings: warnings.ForReplayProfile,
		Columns: []metav1.TableColumnDefinition{
			resource.Column("Pattern", "Where arrival times come from."),
			resource.Column("Speed", "Factor of the recorded pace."),
			resource.Column("Miss", "What happens to an outbound call that the recording does not hold."),
			resource.Column("Latency", "How fast recorded answers are given."),
			resource.NumberColumn("Goals", "Number of goals; none stands for the built-in ones."),
			resource.Wide(resource.Column("Timeout", "How long the answer to one request may take.")),
			resource.Wide(resource.Column("Headers", "Response headers that are compared.")),
			resource.Wide(resource.NumberColumn("Ignored", "Number of JSON paths that are not compared.")),
		},
		Cells: func(p *replay.ReplayProfile) []any {
			timeout := resource.None
			if t := p.Spec.Load.RequestTimeout; t != nil {
				timeout = t.Duration.String()
			}
			return []any{
				string(p.Spec.Load.Pattern), p.Spec.Load.Speed,
				string(p.Spec.Responder.OnMiss), string(p.Spec.Responder.Latency), int64(len(p.Spec.Goals)),
				timeout, strings.Join(p.Spec.Comparison.Headers, ","), int64(len(p.Spec.Comparison.Ignore)),
			}
		},
	}
}
