// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package goal

import (
	"fmt"
	"strings"
	"testing"
)

func sample() Summary {
	return Summary{
		Requests: 1000, Failed: 1, Differing: 41, Skipped: 2,
		Recorded: Latency{P50: 0.01, P90: 0.02, P99: 0.1, Max: 0.5},
		Replayed: Latency{P50: 0.02, P90: 0.03, P99: 0.12, Max: 1},
		Matches:  Matches{Total: 10, Exact: 8, Denoised: 1, Missed: 1, Percent: 90},
		Egress:   Egress{Attempted: 5, Answered: 3, Refused: 2},
	}
}

func TestEval(t *testing.T) {
	for expression, want := range map[string]bool{
		"summary.differing == 0":                                         false,
		"summary.differing == 41 && summary.failed == 1":                 true,
		"summary.replayed.p99 < 1.5 * summary.recorded.p99":              true,
		"summary.replayed.p50 < 1.5 * summary.recorded.p50":              false,
		"summary.replayed.max <= 1":                                      true,
		"summary.matches.percent >= 90":                                  true,
		"summary.matches.percent > 90.5":                                 false,
		"summary.matches.total == summary.matches.exact + 2":             true,
		"summary.egress.attempted == 5 && summary.egress.escaped == 0":   true,
		"double(summary.failed) / double(summary.requests) < 0.01":       true,
		"summary.skipped * 100 / summary.requests > 5 ? false : true":    true,
		"[summary.recorded.p50, summary.recorded.p90].all(x, x < 0.021)": true,
	} {
		goal, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := goal.Eval(sample()); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", expression, got, err, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for expression, want := range map[string]string{
		"":                             "Syntax error",
		"summary.differing ==":         "Syntax error",
		"summary.diffing == 0":         "undefined field 'diffing'",
		"summary.recorded.p95 < 1.0":   "undefined field 'p95'",
		"Summary.failed == 0":          "undeclared reference to 'Summary'",
		"summary.differing":            "must be bool",
		"1 + 1":                        "must be bool",
		"summary.requests == 'a'":      "no matching overload",
		"dyn(summary)":                 "must be bool",
		strings.Repeat("(", 5000):      "at most 4096",
		"summary.Differing == 0":       "undefined field 'Differing'",
		"summary.goals.all(g, g.ok)":   "undefined field 'goals'",
		"summary.egress.escaped == 0 ": "",
	} {
		_, err := Compile(expression)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", expression, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got error %v, want one with %q", expression, err, want)
		}
	}
}

func TestEvalErrors(t *testing.T) {
	zero, err := Compile("summary.requests / summary.egress.escaped > 1")
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := zero.Eval(sample()); holds || err == nil {
		t.Errorf("division by zero: got %v, %v, want an error", holds, err)
	}
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + "]"
	dear, err := Compile(list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c == 3)))")
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := dear.Eval(sample()); holds || err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("million steps: got %v, %v, want an error about the cost limit", holds, err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("summary.differing == 0 && summary.replayed.p99 < 1.5 * summary.recorded.p99")
	f.Add("[1, 2].exists(x, x > summary.failed)")
	f.Fuzz(func(t *testing.T, expression string) {
		goal, err := Compile(expression)
		if err != nil {
			return
		}
		_, _ = goal.Eval(sample()) // an error is an answer; a panic is not
	})
}

func TestIsConstant(t *testing.T) {
	for expression, want := range map[string]bool{
		"true":                   true,
		"1 + 1 == 2":             true,
		"[1, 2].all(x, x > 0)":   true,
		"summary.differing == 0": false,
		"summary == summary":     false,
		"[1].exists(x, x > summary.failed) || true": false,
	} {
		if goal, err := Compile(expression); err != nil || goal.IsConstant() != want {
			t.Errorf("%q: %+v, error %v", expression, goal, err)
		}
	}
}

func TestExpressionsAreCompiledOnce(t *testing.T) {
	const expression = "summary.differing < 3"
	first, err := Compile(expression)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Compile(expression); err != nil || again != first {
		t.Errorf("the second time it is %p, error %v, the first time %p", again, err, first)
	}
	for i := range maxKnown {
		if _, err := Compile(fmt.Sprintf("summary.requests > %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := Compile(expression); err != nil || again == first {
		t.Errorf("after %d others it is still remembered, error %v", maxKnown, err)
	}
}
