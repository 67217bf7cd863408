// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strings"
	"testing"
)

func mustPath(t testing.TB, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParsePathRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"":                               "must begin with $",
		"a.b":                            "must begin with $",
		"$.a['\xff']":                    `path "$.a['\xff']" is not valid UTF-8`,
		"$":                              "selects the whole document",
		"$.":                             "at byte 1: want a name",
		"$..":                            "at byte 1: want a name",
		"$.a b":                          `want . or [, got " "`,
		"$a":                             `want . or [, got "a"`,
		"$.a[":                           "at byte 3: want an index",
		"$.a[-1]":                        "want an index",
		"$.a[99999999999]":               "want an index",
		`$.a["b]`:                        "want a quoted name",
		`$.a["b"`:                        "want ]",
		`$.a["b"].`:                      "at byte 8",
		"$.a['b]":                        "want a quoted name",
		"$." + strings.Repeat("a", 1100): "at most 1024",
		"$" + strings.Repeat(".a", 65):   "more than 64 steps",
	} {
		if p, err := ParsePath(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePath(%q) = %v, %v; want an error with %q", path, p, err, want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		path, at string
		want     bool
	}{
		{"$.a.b", "$.a.b", true},
		{"$.a.b", "$.a.b.c[0]", true},
		{"$.a.b", "$.a", false},
		{"$.a.b", "$.a.c", false},
		{"$.a", "$[0]", false},
		{"$.items[*].id", "$.items[17].id", true},
		{"$.items[*].id", "$.items[17].name", false},
		{"$.items[3].id", "$.items[3].id", true},
		{"$.items[3].id", "$.items[4].id", false},
		{"$.*.id", "$.x.id", true},
		{`$["x y"].z`, `$["x y"].z`, true},
		{`$['x y'].z`, `$["x y"].z`, true},
		{`$["3"]`, "$[3]", false},
		{"$..id", "$.id", true},
		{"$..id", "$.a[3].b.id.c", true},
		{"$..id", "$.a.idx", false},
		{"$.a..id", "$.id", false},
		{"$..a.b", "$.a.c.a.b", true},
		{"$..a..b", "$.a.x.b", true},
		{"$..a..b", "$.b.x.a", false},
		{"$..a.b.c", "$.a.b.a.b.c", true},
		{"$..a[*].c", "$.a.a.c", true},
	} {
		at := place(mustPath(t, c.at).steps)
		if got := mustPath(t, c.path).covers(at); got != c.want {
			t.Errorf("%s covers %s: got %v, want %v", c.path, c.at, got, c.want)
		}
	}
}

// A place as a report writes it can be pasted into an ignore rule, and selects just that.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$.a.b[*].c", `$.a["x y"]`, "$..name", "$.a['b'][0].*", `$["\u00e9\""]`, "$.a['\xff']"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Fatalf("%q became %q", s, p)
		}
		for _, step := range p.steps {
			if step.kind != member && step.kind != element {
				return
			}
		}
		at := place(p.steps)
		again, err := ParsePath(at.String())
		if err != nil {
			if len(at.String()) > maxPath {
				return // quoted it is longer
			}
			t.Fatalf("%q was written as %q: %v", s, at, err)
		}
		if !again.covers(at) || !p.covers(at) || again.covers(at[:len(at)-1]) {
			t.Fatalf("%q does not select just %q", again, at)
		}
	})
}
