// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"slices"
	"testing"
)

func TestMergeUntouched(t *testing.T) {
	a := []Untouched{{"api:443", "ClientRefused", 2, 10}}
	got := mergeUntouched(a, []Untouched{{"api:443", "ClientRefused", 1, 30}, {"api:443", "OldClient", 1, 20}})
	if want := []Untouched{{"api:443", "ClientRefused", 3, 30}, {"api:443", "OldClient", 1, 20}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i := range 3 * maxUntouched {
		got = mergeUntouched(got, []Untouched{{fmt.Sprintf("host-%d:443", i), "NoServerName", 1, int64(100 + i)}})
	}
	if len(got) != maxUntouched || got[0].Last != 100+3*maxUntouched-1 {
		t.Errorf("%d are remembered, the newest of %d", len(got), got[0].Last)
	}
}
