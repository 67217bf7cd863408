// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// What is written is what Prometheus' own parser reads.
func TestPrometheusReadsIt(t *testing.T) {
	const awkward = "a \"quoted\"\nline and a \\"
	families := append(Process(time.Unix(1000, 0)),
		Count("restage_test_calls_total", "Calls.\nAll of \\them.", func() uint64 { return 7 }),
		Level("restage_test_level", "A level.", func() float64 { return math.Inf(1) }),
		Family{Name: "restage_test_losses_total", Kind: Counter, Help: "Losses.", Label: "reason", Collect: func() []Sample {
			return []Sample{{awkward, 1.5e9}, {"other", 2}}
		}},
	)
	answer := httptest.NewRecorder()
	Handler(families...).ServeHTTP(answer, nil)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	read, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if read[f.Name] == nil {
			t.Errorf("%s is not there", f.Name)
		}
	}
	if f := read["restage_test_calls_total"]; f.GetMetric()[0].GetCounter().GetValue() != 7 || f.GetHelp() != "Calls.\nAll of \\them." {
		t.Errorf("calls are %v", f)
	}
	if f := read["restage_test_level"]; !math.IsInf(f.GetMetric()[0].GetGauge().GetValue(), 1) {
		t.Errorf("level is %v", f)
	}
	losses := read["restage_test_losses_total"].GetMetric()
	if len(losses) != 2 || losses[0].GetLabel()[0].GetValue() != awkward || losses[0].GetCounter().GetValue() != 1.5e9 {
		t.Errorf("losses are %v", losses)
	}
	if read["process_start_time_seconds"].GetMetric()[0].GetGauge().GetValue() != 1000 || read["go_goroutines"].GetMetric()[0].GetGauge().GetValue() < 1 {
		t.Error("the process's own numbers are wrong")
	}
}
