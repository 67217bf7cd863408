// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		fields        []string
	}{
		"nothing":        {`{"a":1}`, `{"a":1}`, nil},
		"value":          {`{"spec":{"a":1,"b":2}}`, `{"spec":{"a":3,"b":2}}`, []string{"spec.template.spec.a"}},
		"new field":      {`{"spec":{}}`, `{"spec":{"a":{"b":1}}}`, []string{"spec.template.spec.a"}},
		"item":           {`{"c":[{"name":"app","image":"1"}]}`, `{"c":[{"name":"app","image":"2"}]}`, []string{"spec.template.c[app].image"}},
		"new first":      {`{"c":[{"name":"b"}]}`, `{"c":[{"name":"a"},{"name":"b"}]}`, []string{"spec.template.c[a]"}},
		"new list":       {`{"x":1}`, `{"x":1,"c":[{"name":"a"}]}`, []string{"spec.template.c"}},
		"all items":      {`{"c":[{"name":"a","v":1},{"name":"b","v":1}]}`, `{"c":[{"name":"n"},{"name":"a","v":2},{"name":"b","v":3}]}`, []string{"spec.template.c[n]", "spec.template.c[a].v", "spec.template.c[b].v"}},
		"other order":    {`{"c":[{"name":"a"},{"name":"b"}]}`, `{"c":[{"name":"b"},{"name":"a"}]}`, []string{"spec.template.c"}},
		"gone item":      {`{"c":[{"name":"a"},{"name":"b"}]}`, `{"c":[{"name":"b"}]}`, []string{"spec.template.c"}},
		"no names":       {`{"args":["a"]}`, `{"args":["a","b"]}`, []string{"spec.template.args"}},
		"one name twice": {`{"m":[{"name":"v","p":1},{"name":"v","p":2}]}`, `{"m":[{"name":"v","p":1},{"name":"v","p":3}]}`, []string{"spec.template.m"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := parsed(t, c.before), parsed(t, c.after)
			changes := diff(before, after, nil)
			var fields []string
			for _, change := range changes {
				fields = append(fields, change.field())
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Error(diff)
			}
			back := after
			for _, change := range changes {
				if now := at(back, change.Path); !cmp.Equal(now, change.After) {
					t.Errorf("at %s stands %v, want %v", change.field(), now, change.After)
				}
				back = put(back, change.Path, change.Before)
			}
			if diff := cmp.Diff(before, back); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(parsed(t, c.after), after); diff != "" {
				t.Errorf("what was there was changed: %s", diff)
			}
		})
	}
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
