// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// What was left out is counted apart from what was lost, and the redacted values are, across restarts too.
func TestLeftOutAndRedactedAreCounted(t *testing.T) {
	server := forwardertest.Start(t)
	first, second := call(1, 0, 1), call(2, 1, 2)
	first.Redactions = []*trafficpb.Count{{Name: "Email", Count: 2}, {Name: "Header", Count: 1}}
	second.Redactions = []*trafficpb.Count{{Name: "Email", Count: 1}}
	require.NoError(t, push(server.DialPod(t, frontPod), &trafficpb.PushRequest{
		Records: []*trafficpb.Record{first, second}, LossSequence: 1,
		Losses: []*trafficpb.Loss{
			{Workload: "front", Count: 3, From: at(0), To: at(time.Second), Reason: "tee overflow"},
			{Workload: "front", Count: 5, From: at(0), To: at(time.Second), Reason: "Probe", LeftOut: true},
		},
	}))
	redacted := []*trafficpb.Count{{Name: "Email", Count: 3}, {Name: "Header", Count: 1}}
	expect := func() {
		t.Helper()
		stats, err := trafficpb.NewCapturesClient(server.DialUser(t, "controller")).Stats(t.Context(), &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
		require.NoError(t, err)
		require.EqualValues(t, 3, stats.GetDropped())
		require.Empty(t, cmp.Diff([]*trafficpb.Count{{Name: "Probe", Count: 5}}, stats.GetLeftOut(), protocmp.Transform()))
		require.Empty(t, cmp.Diff(redacted, stats.GetRedacted(), protocmp.Transform()))
	}
	expect()
	server.Restart(t) // from the log
	expect()
	manifest := build(t, server.DialUser(t, "controller"), "monday", 0, time.Minute)
	require.EqualValues(t, 3, manifest.GetDropped())
	require.Empty(t, cmp.Diff(redacted, manifest.GetRedacted(), protocmp.Transform()))
	server.Restart(t) // from the checkpoint
	expect()
}
