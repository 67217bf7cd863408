// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"errors"
	"slices"
	"testing"
)

func TestResolveKey(t *testing.T) {
	known := []string{"back:9898", "back:98", "cache.default.svc:6379"}
	for _, c := range []struct {
		pattern   string
		want      []string
		unknown   bool
		ambiguous []string
	}{
		{pattern: "*", want: known},
		{pattern: "back:98", want: []string{"back:98"}},
		{pattern: "cache", want: []string{"cache.default.svc:6379"}},
		{pattern: "back", ambiguous: []string{"back:9898", "back:98"}},
		{pattern: "db", unknown: true},
		{pattern: "", unknown: true},
	} {
		got, err := ResolveKey(c.pattern, known)
		var unknown *UnknownKeyError
		var ambiguous *AmbiguousKeyError
		if errors.As(err, &unknown) != c.unknown {
			t.Errorf("%q: unknown: %v", c.pattern, err)
		}
		if errors.As(err, &ambiguous) != (c.ambiguous != nil) {
			t.Errorf("%q: ambiguous: %v", c.pattern, err)
		} else if ambiguous != nil && !slices.Equal(ambiguous.Candidates, c.ambiguous) {
			t.Errorf("%q: candidates %v, want %v", c.pattern, ambiguous.Candidates, c.ambiguous)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.pattern, got, c.want)
		}
	}
}
