// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/report"
)

const (
	// maxRows bounds the tables; the report has the rest.
	maxRows = 10
	// maxValue bounds a value in a table, in characters.
	maxValue = 40
)

// printVerdict prints how a replay ended and, when there is a report, in what it differs from the recording.
func printVerdict(out io.Writer, replay *v1alpha1.TrafficReplay, document *report.Report) {
	fmt.Fprintf(out, "%s %s\n", nameOf(replay), headline(replay))
	if sum := replay.Status.Summary; sum != nil {
		fmt.Fprintf(out, "requests: %d, %d without a response, %d differing", sum.Requests, sum.Failed, sum.Differing)
		if sum.Skipped > 0 {
			fmt.Fprintf(out, ", %d skipped", sum.Skipped)
		}
		fmt.Fprintf(out, "; p99 %s, recorded %s\n", report.ReadableLatency(sum.Replayed.P99.Duration), report.ReadableLatency(sum.Recorded.P99.Duration))
		if sum.Matches.Total > 0 || sum.Egress.Attempted > 0 {
			fmt.Fprintf(out, "dependencies: %d calls, %d not in the recording; %d connections let out\n", sum.Matches.Total, sum.Matches.Missed, sum.Egress.Escaped)
		}
		printGoals(out, sum.Goals)
	}
	if document != nil {
		printEndpoints(out, document)
		printDifferences(out, replay.Name, document)
	}
}

// headline is the verdict with its first cause.
func headline(replay *v1alpha1.TrafficReplay) string {
	passed := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayPassed)
	if passed == nil {
		return "has no verdict"
	}
	switch replay.Status.Phase {
	case v1alpha1.PhasePassed:
		return "passed: " + passed.Message
	case v1alpha1.PhaseFailed:
		return "failed: " + passed.Message
	case v1alpha1.PhaseCancelled:
		return "was cancelled: " + passed.Message
	case v1alpha1.PhaseEnded:
		return "ended: " + passed.Message
	default:
		return fmt.Sprintf("could not be judged: %s: %s", passed.Reason, passed.Message)
	}
}

// printGoals prints those that do not hold, except the first, which the headline has.
func printGoals(out io.Writer, goals []v1alpha1.GoalResult) {
	failed := slices.DeleteFunc(slices.Clone(goals), func(g v1alpha1.GoalResult) bool { return g.Passed })
	for _, goal := range failed[min(1, len(failed)):] {
		fmt.Fprintf(out, "also %s: %s\n", goal.Name, goal.Message)
	}
}

func printEndpoints(out io.Writer, document *report.Report) {
	worse := slices.DeleteFunc(slices.Clone(document.Endpoints), func(e report.Endpoint) bool { return e.Failed+e.Differing == 0 })
	if len(worse) == 0 {
		return
	}
	slices.SortStableFunc(worse, func(a, b report.Endpoint) int { return int(b.Failed + b.Differing - a.Failed - a.Differing) })
	fmt.Fprintln(out)
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, "ENDPOINT\tREQUESTS\tDIFFERING\tNO RESPONSE\tP99\tRECORDED P99")
	for _, e := range worse[:min(len(worse), maxRows)] {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", e.Operation, e.Requests, e.Differing, e.Failed, report.ReadableLatency(seconds(e.Replayed.P99)), report.ReadableLatency(seconds(e.Recorded.P99)))
	}
	_ = w.Flush()
	if more := len(worse) - maxRows; more > 0 {
		fmt.Fprintf(out, "and %d more endpoints\n", more)
	}
}

// row is one kind of difference.
type row struct {
	operation, field, recorded, replayed string
	times                                int
}

func printDifferences(out io.Writer, name string, document *report.Report) {
	rows := differences(document.Differences)
	if len(rows) == 0 {
		return
	}
	fmt.Fprintln(out)
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, "REQUEST\tFIELD\tRECORDED\tREPLAYED\tTIMES")
	for _, r := range rows[:min(len(rows), maxRows)] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", r.operation, r.field, value(r.recorded), value(r.replayed), r.times)
	}
	_ = w.Flush()
	if more := len(rows) - maxRows; more > 0 || document.DifferencesLeftOut > 0 {
		fmt.Fprintf(out, "and more; kubectl restage replay report %s -o html has them\n", name)
	}
}

// differences puts those of the same field of the same request together, with the values of the first, the most frequent in front.
func differences(all []report.Difference) []*row {
	var rows []*row
	known := map[[2]string]*row{}
	for _, d := range all {
		operation, _, _ := strings.Cut(d.Operation, "?")
		r := known[[2]string{operation, d.Field}]
		if r == nil {
			r = &row{operation: operation, field: d.Field, recorded: d.Recorded, replayed: d.Replayed}
			known[[2]string{operation, d.Field}] = r
			rows = append(rows, r)
		}
		r.times++
	}
	slices.SortStableFunc(rows, func(a, b *row) int { return b.times - a.times })
	return rows
}

// value makes what came from a recording fit into a cell and harmless to a terminal.
func value(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
	if text == "" {
		return "<none>"
	}
	if r := []rune(text); len(r) > maxValue {
		return string(r[:maxValue-1]) + "…"
	}
	return text
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
