// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Names of the default goals.
const (
	GoalNoFailures    = "NoFailures"
	GoalNoDifferences = "NoDifferences"
	GoalNoMisses      = "NoMisses"
	GoalNoEscapes     = "NoEscapes"
)

// maxNamed is the number of endpoints that a message names.
const maxNamed = 5

// DefaultGoals are those of a replay that names none; two of them need an environment.
func DefaultGoals(environment bool) []wiring.GoalSetting {
	goals := []wiring.GoalSetting{
		{Name: GoalNoFailures, Expression: "summary.failed == 0"},
		{Name: GoalNoDifferences, Expression: "summary.differing == 0"},
	}
	if environment {
		goals = append(goals,
			wiring.GoalSetting{Name: GoalNoMisses, Expression: "summary.matches.missed == 0"},
			wiring.GoalSetting{Name: GoalNoEscapes, Expression: "summary.egress.escaped == 0"})
	}
	return goals
}

// judge evaluates the goals and sets Passed, Reason and Message.
func (r *Report) judge(goals []wiring.GoalSetting) {
	var failed *GoalResult
	r.Summary.Goals = make([]GoalResult, 0, len(goals))
	for _, setting := range goals {
		r.Summary.Goals = append(r.Summary.Goals, r.evaluate(setting))
	}
	if i := slices.IndexFunc(r.Summary.Goals, func(g GoalResult) bool { return !g.Passed }); i >= 0 {
		failed = &r.Summary.Goals[i]
	}
	switch {
	case len(r.Invalid) > 0:
		r.Reason, r.Message = r.Invalid[0].Reason, r.Invalid[0].Message
		if failed != nil {
			r.Message += "; what was seen: " + failed.Message
		}
	case failed != nil:
		r.Reason, r.Message = ReasonGoalsFailed, failed.Message
	default:
		r.Passed, r.Reason, r.Message = true, ReasonGoalsHold, r.success()
	}
}

func (r *Report) evaluate(setting wiring.GoalSetting) GoalResult {
	result := GoalResult{Name: setting.Name, Expression: setting.Expression}
	compiled, err := goal.Compile(setting.Expression)
	if err == nil {
		result.Passed, err = compiled.Eval(r.Summary.Summary)
	}
	switch {
	case err != nil:
		result.Message = fmt.Sprintf("goal %s cannot be evaluated: %v", setting.Name, err)
	case !result.Passed:
		result.Message = r.explain(setting)
	}
	return result
}

// explain says what made a goal fail: for a default goal the fact, for another one the goal and the facts.
func (r *Report) explain(setting wiring.GoalSetting) string {
	var facts []string
	for _, fact := range []struct {
		name string
		tell func() string
	}{
		{GoalNoFailures, r.failures}, {GoalNoDifferences, r.differing}, {GoalNoMisses, r.misses}, {GoalNoEscapes, r.escapes},
	} {
		text := fact.tell()
		if text != "" && setting.Name == fact.name {
			return text
		}
		if text != "" {
			facts = append(facts, text)
		}
	}
	message := fmt.Sprintf("goal %s does not hold: %s", setting.Name, setting.Expression)
	return strings.Join(append([]string{message}, facts...), "; ")
}

func (r *Report) failures() string {
	if r.Summary.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d requests got no response: %s", r.Summary.Failed, r.Summary.Requests,
		r.named(func(e Endpoint) int64 { return e.Failed }))
}

func (r *Report) differing() string {
	if r.Summary.Differing == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d responses differ: %s", r.Summary.Differing, r.Summary.Requests,
		r.named(func(e Endpoint) int64 { return e.Differing }))
}

func (r *Report) misses() string {
	m := r.Summary.Matches
	if m.Missed == 0 {
		return ""
	}
	counts := map[string]int64{}
	if r.Outbound != nil {
		for _, call := range r.Outbound.Missed {
			counts[call.Key+" "+call.Operation]++
		}
	}
	text := fmt.Sprintf("%d of %d outbound calls are not in the recording", m.Missed, m.Total)
	if len(counts) > 0 {
		text += ": " + list(counts)
	}
	return text
}

func (r *Report) escapes() string {
	e := r.Summary.Egress
	if e.Escaped == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d outbound connections were neither answered nor refused", e.Escaped, e.Attempted)
}

// named lists the endpoints for which something was counted.
func (r *Report) named(count func(Endpoint) int64) string {
	counts := map[string]int64{}
	for _, e := range r.Endpoints {
		if n := count(e); n > 0 {
			counts[e.Operation] += n
		}
	}
	return list(counts)
}

// list writes the names with their counts, the greatest first, as in "POST /store (21), GET /version (20)".
func list(counts map[string]int64) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var b strings.Builder
	for i, name := range names[:min(len(names), maxNamed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%d)", name, counts[name])
	}
	if more := len(names) - maxNamed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

func (r *Report) success() string {
	text := fmt.Sprintf("%d requests replayed; every goal holds", r.Summary.Requests)
	if r.Outbound != nil {
		text += fmt.Sprintf("; %d of %d outbound calls matched, %d connections let out",
			r.Summary.Matches.Total-r.Summary.Matches.Missed, r.Summary.Matches.Total, r.Summary.Egress.Escaped)
	}
	return text
}

func nothingReplayed(r *Report) Invalid {
	text := "the snapshot has no inbound request to replay"
	if len(r.Skipped) > 0 {
		text = fmt.Sprintf("all %d inbound requests were skipped: %s (%d)", r.Summary.Skipped, r.Skipped[0].Reason, r.Skipped[0].Count)
	}
	return Invalid{Reason: ReasonNothingReplayed, Message: text}
}

// outcome writes what came of a request.
func outcome(status int, failure string) string {
	if failure != "" {
		return failure
	}
	return "status " + strconv.Itoa(status)
}
