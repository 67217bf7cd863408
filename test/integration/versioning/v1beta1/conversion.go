// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1003 conversion-gen finds the functions by names of this form.

package v1beta1

import (
	"k8s.io/apimachinery/pkg/conversion"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Convert_v1beta1_TrafficReplaySpec_To_replay_TrafficReplaySpec names the snapshot as the internal form does.
func Convert_v1beta1_TrafficReplaySpec_To_replay_TrafficReplaySpec(in *TrafficReplaySpec, out *replay.TrafficReplaySpec, s conversion.Scope) error {
	out.SnapshotName = in.Snapshot
	return autoConvert_v1beta1_TrafficReplaySpec_To_replay_TrafficReplaySpec(in, out, s)
}

// Convert_replay_TrafficReplaySpec_To_v1beta1_TrafficReplaySpec names the snapshot as this version does.
func Convert_replay_TrafficReplaySpec_To_v1beta1_TrafficReplaySpec(in *replay.TrafficReplaySpec, out *TrafficReplaySpec, s conversion.Scope) error {
	out.Snapshot = in.SnapshotName
	return autoConvert_replay_TrafficReplaySpec_To_v1beta1_TrafficReplaySpec(in, out, s)
}

// Convert_v1alpha1_TrafficReplayStatus_To_replay_TrafficReplayStatus: the status has not changed between the versions.
func Convert_v1alpha1_TrafficReplayStatus_To_replay_TrafficReplayStatus(in *v1alpha1.TrafficReplayStatus, out *replay.TrafficReplayStatus, s conversion.Scope) error {
	return v1alpha1.Convert_v1alpha1_TrafficReplayStatus_To_replay_TrafficReplayStatus(in, out, s)
}

// Convert_replay_TrafficReplayStatus_To_v1alpha1_TrafficReplayStatus: the status has not changed between the versions.
func Convert_replay_TrafficReplayStatus_To_v1alpha1_TrafficReplayStatus(in *replay.TrafficReplayStatus, out *v1alpha1.TrafficReplayStatus, s conversion.Scope) error {
	return v1alpha1.Convert_replay_TrafficReplayStatus_To_v1alpha1_TrafficReplayStatus(in, out, s)
}
