// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func pointer[T any](value T) *T { return &value }

func builtIn() ReplayProfileSpec {
	return ReplayProfileSpec{
		Load:       LoadProfile{Pattern: LoadRecorded, Speed: "1", RequestTimeout: &metav1.Duration{Duration: 30 * time.Second}},
		Responder:  ResponderProfile{OnMiss: MissFail, Latency: LatencyRecorded},
		Comparison: ComparisonProfile{Headers: []string{"Content-Type", "Location"}, LearnNoise: pointer(true)},
	}
}

func TestEffectiveProfile(t *testing.T) {
	with := func(change func(*ReplayProfileSpec)) ReplayProfileSpec {
		profile := builtIn()
		change(&profile)
		return profile
	}
	for _, test := range []struct {
		name          string
		named, inline *ReplayProfileSpec
		want          ReplayProfileSpec
	}{
		{"nothing given", nil, nil, builtIn()},
		{
			"named alone", &ReplayProfileSpec{Load: LoadProfile{Speed: "2"}}, nil,
			with(func(p *ReplayProfileSpec) { p.Load.Speed = "2" }),
		},
		{
			"inline wins field by field",
			&ReplayProfileSpec{
				Load:       LoadProfile{Speed: "2", RequestTimeout: &metav1.Duration{Duration: time.Second}},
				Comparison: ComparisonProfile{Headers: []string{"A"}, Ignore: []string{"$.a"}, LearnNoise: pointer(true)},
				Goals:      []Goal{{Name: "named"}},
			},
			&ReplayProfileSpec{
				Load:       LoadProfile{Speed: "3"},
				Comparison: ComparisonProfile{Ignore: []string{"$.b"}, LearnNoise: pointer(false)},
				Goals:      []Goal{{Name: "inline"}},
			},
			with(func(p *ReplayProfileSpec) {
				p.Load.Speed, p.Load.RequestTimeout = "3", &metav1.Duration{Duration: time.Second}
				p.Comparison = ComparisonProfile{Headers: []string{"A"}, Ignore: []string{"$.b"}, LearnNoise: pointer(false)}
				p.Goals = []Goal{{Name: "inline"}}
			}),
		},
		{
			"status of the inline profile, policy of the named one",
			&ReplayProfileSpec{Responder: ResponderProfile{OnMiss: MissStatus, MissStatus: pointer(int32(500))}},
			&ReplayProfileSpec{Responder: ResponderProfile{MissStatus: pointer(int32(503))}},
			with(func(p *ReplayProfileSpec) {
				p.Responder.OnMiss, p.Responder.MissStatus = MissStatus, pointer(int32(503))
			}),
		},
		{
			"no status where misses fail",
			&ReplayProfileSpec{Responder: ResponderProfile{OnMiss: MissStatus, MissStatus: pointer(int32(500))}},
			&ReplayProfileSpec{Responder: ResponderProfile{OnMiss: MissFail}},
			builtIn(),
		},
		{
			"default status", nil, &ReplayProfileSpec{Responder: ResponderProfile{OnMiss: MissStatus}},
			with(func(p *ReplayProfileSpec) {
				p.Responder.OnMiss, p.Responder.MissStatus = MissStatus, pointer(DefaultMissStatus)
			}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			named, inline := test.named.DeepCopy(), test.inline.DeepCopy()
			if diff := cmp.Diff(test.want, EffectiveProfile(named, inline)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.named, named) + cmp.Diff(test.inline, inline); diff != "" {
				t.Errorf("an argument was changed: %s", diff)
			}
		})
	}
}
