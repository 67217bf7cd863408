// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import (
	"testing"

	"github.com/restage-dev/restage/pkg/wiring"
)

// FuzzFromAnnotations wants an annotation to be refused, or to become settings that the proxy reads.
func FuzzFromAnnotations(f *testing.F) {
	all := Annotations()
	for i, annotation := range all {
		f.Add(uint8(i), annotation.Example)
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := all[int(which)%len(all)].Name
		spec, err := FromAnnotations(map[string]string{name: value})
		if err != nil {
			return
		}
		settings := Settings("front", spec, []int32{8080})
		if _, err := wiring.ParseCaptureSettings(settings.Argument()); err != nil {
			t.Fatalf("%s: %q became %s: %v", name, value, settings.Argument(), err)
		}
	})
}
