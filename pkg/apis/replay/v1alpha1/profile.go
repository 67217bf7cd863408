// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// EffectiveProfile returns the settings that hold for a replay: for each field the inline one, else that of the
// named profile, else the default. Lists are taken whole. Either argument may be nil; neither is changed.
func EffectiveProfile(named, inline *ReplayProfileSpec) ReplayProfileSpec {
	var effective ReplayProfileSpec
	for _, profile := range []*ReplayProfileSpec{inline, named} {
		if profile != nil {
			fillIn(&effective, profile.DeepCopy())
		}
	}
	defaultProfile(&effective)
	if effective.Responder.OnMiss != MissStatus {
		effective.Responder.MissStatus = nil
	}
	return effective
}

// fillIn takes from other what profile lacks.
func fillIn(profile, other *ReplayProfileSpec) {
	setDefault(&profile.Load.Pattern, other.Load.Pattern)
	setDefault(&profile.Load.Speed, other.Load.Speed)
	setDefault(&profile.Load.RequestTimeout, other.Load.RequestTimeout)
	setDefault(&profile.Responder.OnMiss, other.Responder.OnMiss)
	setDefault(&profile.Responder.MissStatus, other.Responder.MissStatus)
	setDefault(&profile.Responder.Latency, other.Responder.Latency)
	setDefault(&profile.Comparison.LearnNoise, other.Comparison.LearnNoise)
	if len(profile.Comparison.Headers) == 0 {
		profile.Comparison.Headers = other.Comparison.Headers
	}
	if len(profile.Comparison.Ignore) == 0 {
		profile.Comparison.Ignore = other.Comparison.Ignore
	}
	if len(profile.Goals) == 0 {
		profile.Goals = other.Goals
	}
}
