// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder_test

import (
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restage-dev/restage/pkg/exposition/expositiontest"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func TestMetrics(t *testing.T) {
	server := forwardertest.Start(t)
	proxy := server.DialPod(t, frontPod)
	for range 2 { // the second time they are duplicates
		require.NoError(t, push(proxy, &trafficpb.PushRequest{
			Records: []*trafficpb.Record{call(1, 0, time.Millisecond), call(2, time.Second, 2*time.Second)},
			Losses:  []*trafficpb.Loss{{Workload: "front", Count: 7, From: at(0), To: at(time.Second), Reason: "queue full"}}, LossSequence: 1,
		}))
	}
	build(t, server.DialUser(t, "controller"), "monday", 0, time.Minute)

	response, err := http.Get(server.Health + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	expositiontest.Check(t, text, "restage_forwarder_", []string{"restage_forwarder_storage_errors_total"}, "restage-forwarder")
	expositiontest.Check(t, text, "restage_serving_", nil, "Serving certificates")
	for _, pattern := range []string{
		`restage_forwarder_records_total [1-9]`,
		`restage_forwarder_duplicate_records_total [1-9]`,
		`restage_forwarder_losses_total [1-9]`,
		`restage_forwarder_batches_total\{result="acknowledged"\} [1-9]`,
		`restage_forwarder_wal_bytes [1-9]`,
		`restage_forwarder_wal_limit_bytes 1.073741824e\+09`,
		`restage_forwarder_parquet_files_total [1-9]`,
		`restage_forwarder_parquet_bytes_total [1-9]`,
		`restage_forwarder_seal_duration_seconds_count\{result="success"\} [1-9]`,
		`restage_forwarder_snapshot_build_duration_seconds_count\{result="success",source="cut"\} [1-9]`,
	} {
		require.Regexp(t, regexp.MustCompile("\n"+pattern), string(text))
	}
}
