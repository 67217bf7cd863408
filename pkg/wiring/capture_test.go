// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCaptureSettingsRoundTrip(t *testing.T) {
	want := NewCaptureSettings("front", []uint16{9898})
	want.Ignore = IgnoreSettings{OutboundPorts: []uint16{5432}, CIDRs: []string{"10.0.0.0/8"}, Hosts: []string{"*.internal"}}
	want.Redaction.Rules = []RedactionRule{{Name: "price", Regexp: `\$(PRICE)$$\\$`}, {Name: "name", JSONPath: "$.a"}}
	argument := want.Argument()
	if strings.Contains(argument, "$") {
		t.Errorf("Kubernetes would expand %s", argument)
	}
	got, err := ParseCaptureSettings(argument)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseCaptureSettingsRefuses(t *testing.T) {
	for document, want := range map[string]string{
		"":  "EOF",
		"x": "invalid character",
		`{"version":1,"workload":"a","samplePercent":100,"bodyLimit":1,"tomorrow":true}`: `unknown field "tomorrow"`,
		`{"version":1,"workload":"a","samplePercent":100,"bodyLimit":1} {}`:              "something follows",
		`{"version":2,"workload":"a","samplePercent":100,"bodyLimit":1}`:                 "version: 2, this proxy reads 1",
		`{"version":1,"samplePercent":100,"bodyLimit":1}`:                                "workload: is needed",
		`{"version":1,"workload":"a","bodyLimit":1}`:                                     "samplePercent: 0, allowed are 1 to 100",
		`{"version":1,"workload":"a","samplePercent":1,"bodyLimit":1048577}`:             "bodyLimit: 1048577, allowed are 0 to 1048576",
		`{"version":1,"workload":"a","ports":[70000]}`:                                   "cannot unmarshal number 70000",
		strings.Repeat(" ", maxCaptureSettings+1):                                        "allowed are 262144",
	} {
		if _, err := ParseCaptureSettings(document); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: error %v, want %q", document, err, want)
		}
	}
}
