// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package edit

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// Whatever differs is changed, and nothing else is named.
func TestDifference(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"nothing":          {`{"a":[{"name":"x"}]}`, `{"a":[{"name":"x"}]}`, `null`},
		"a field":          {`{"a":{"b":1}}`, `{"a":{"b":0}}`, `[{"op":"replace","path":"/t/a/b","value":0}]`},
		"a new list":       {`{}`, `{"l":[{"name":"x"}]}`, `[{"op":"add","path":"/t/l","value":[{"name":"x"}]}]`},
		"a list that goes": {`{"l":[1]}`, `{}`, `[{"op":"remove","path":"/t/l","value":null}]`},
		"an annotation":    {`{"a":{}}`, `{"a":{"x.dev/~y":""}}`, `[{"op":"add","path":"/t/a/x.dev~1~0y","value":""}]`},
		"items in front, at the end, and within one": {
			`{"l":[{"name":"x"},{"name":"y","e":[{"name":"a"},{"name":"a"}]}]}`,
			`{"l":[{"name":"new"},{"name":"x"},{"name":"y","e":[{"name":"a"},{"name":"a"},{"name":"b"}]},{"name":"z"}]}`,
			`[{"op":"add","path":"/t/l/0","value":{"name":"new"}},{"op":"add","path":"/t/l/2/e/2","value":{"name":"b"}},
			{"op":"add","path":"/t/l/3","value":{"name":"z"}}]`,
		},
		"items that go": {
			`{"l":[{"name":"a"},{"name":"x"},{"name":"b"},{"name":"c"}]}`, `{"l":[{"name":"x","v":1}]}`,
			`[{"op":"remove","path":"/t/l/0","value":null},{"op":"add","path":"/t/l/0/v","value":1},{"op":"remove","path":"/t/l/1","value":null},
			{"op":"remove","path":"/t/l/1","value":null}]`,
		},
		"mounts of one volume": {
			`{"m":[{"name":"v","mountPath":"/a"}]}`, `{"m":[{"name":"v","mountPath":"/a"},{"name":"v","mountPath":"/b"}]}`,
			`[{"op":"add","path":"/t/m/1","value":{"mountPath":"/b","name":"v"}}]`,
		},
		"another order": {`{"l":["a","b"]}`, `{"l":["b","a"]}`, `[{"op":"replace","path":"/t/l","value":["b","a"]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			operations, err := difference(json.RawMessage(c.before), json.RawMessage(c.after), "/t")
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(operations)
			if err != nil {
				t.Fatal(err)
			}
			if !jsonpatch.Equal(got, []byte(c.want)) {
				t.Errorf("%s, want %s", got, c.want)
			}
			if operations == nil {
				return
			}
			patch, err := jsonpatch.DecodePatch(got)
			if err != nil {
				t.Fatal(err)
			}
			applied, err := patch.Apply([]byte(`{"t":` + c.before + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, `{"t":`+c.after+`}`), decoded(t, string(applied))); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
		})
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
