// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestValidatePortSwaps(t *testing.T) {
	good := []replay.PortSwap{{Port: 8080, To: 18080, Variable: "PORT"}, {Port: 9090, To: 19090, Argument: "--metrics="}}
	if errs := validatePortSwaps(good, field.NewPath("swaps")); len(errs) > 0 {
		t.Errorf("good ones are refused: %v", errs)
	}
	for want, swaps := range map[string][]replay.PortSwap{
		"swaps[0].variable: Required value":                                  {{Port: 80, To: 8080}},
		`swaps[0].argument: Invalid value: "-p": must be empty`:              {{Port: 80, To: 8080, Variable: "PORT", Argument: "-p"}},
		`swaps[0].variable: Invalid value: "A=B"`:                            {{Port: 80, To: 8080, Variable: "A=B"}},
		"swaps[0].to: Invalid value: 15101: the port is taken by the proxy":  {{Port: 80, To: 15101, Variable: "PORT"}},
		"swaps[0].to: Invalid value: 53: the port is taken by the proxy":     {{Port: 80, To: 53, Variable: "PORT"}},
		"swaps[0].to: Invalid value: 80: must not be a port that is swapped": {{Port: 80, To: 80, Variable: "PORT"}},
		"swaps[1].to: Duplicate value: 8080":                                 {{Port: 80, To: 8080, Variable: "A"}, {Port: 81, To: 8080, Variable: "B"}},
	} {
		errs := validatePortSwaps(swaps, field.NewPath("swaps"))
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%+v: errors %v, want %s", swaps, errs, want)
		}
	}
}
