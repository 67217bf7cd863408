// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"reflect"
	"testing"
)

// FuzzParseCaptureSettings wants settings that can be read to stay the same when they are written and read again.
func FuzzParseCaptureSettings(f *testing.F) {
	settings := NewCaptureSettings("front", []uint16{8080})
	settings.Redaction.Rules = []RedactionRule{{Name: "a", Regexp: `order-(\d+)$`}}
	f.Add(settings.Argument())
	f.Add(`{"version":1,"workload":"front","ports":[70000]}`)
	f.Add(`{"version":1,"workload":"front","samplePercent":1,"redaction":{"rules":[]}}`)
	f.Fuzz(func(t *testing.T, document string) {
		s, err := ParseCaptureSettings(document)
		if err != nil {
			return
		}
		again, err := ParseCaptureSettings(s.Argument())
		if len(s.Argument()) <= maxCaptureSettings && (err != nil || again.Argument() != s.Argument() || !reflect.DeepEqual(again.Ports, s.Ports)) {
			t.Fatalf("%s became %s: %v", s.Argument(), again.Argument(), err)
		}
	})
}
