// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1003 defaulter-gen finds the functions by names of this form.

package v1beta1

import "github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"

// SetDefaults_TrafficReplay fills in what v1alpha1 fills in.
func SetDefaults_TrafficReplay(replay *TrafficReplay) {
	same := v1alpha1.TrafficReplay{Spec: v1alpha1.TrafficReplaySpec{
		Mode: replay.Spec.Mode, Cleanup: replay.Spec.Cleanup, Timeout: replay.Spec.Timeout, Workloads: replay.Spec.Workloads,
	}}
	v1alpha1.SetObjectDefaults_TrafficReplay(&same)
	replay.Spec.Mode, replay.Spec.Cleanup, replay.Spec.Timeout = same.Spec.Mode, same.Spec.Cleanup, same.Spec.Timeout
}
