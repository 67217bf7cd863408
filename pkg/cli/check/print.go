// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"io"
	"strings"

	checks "github.com/restage-dev/restage/pkg/check"
)

// report is the answer for programs.
type report struct {
	// Namespace of Restage itself.
	Namespace string `json:"namespace"`
	Installed bool   `json:"installed"`
	// Namespaces that were looked at.
	Namespaces []string        `json:"namespaces"`
	Failed     int             `json:"failed"`
	Warnings   int             `json:"warnings"`
	Unknown    int             `json:"unknown"`
	Results    []checks.Result `json:"results"`
}

func newReport(looked *checks.Cluster) *report {
	return &report{
		Namespace: looked.Found.Namespace, Installed: looked.Found.Installed(), Namespaces: looked.Targets, Results: []checks.Result{},
	}
}

func (r *report) add(result checks.Result) {
	r.Results = append(r.Results, result)
	switch result.Verdict {
	case checks.Failed:
		r.Failed++
	case checks.Warning:
		r.Warnings++
	case checks.Unknown:
		r.Unknown++
	}
}

// lines prints results for people.
type lines struct {
	out io.Writer
}

func newLines(out io.Writer) *lines { return &lines{out} }

// width of the verdict and of the longest name of a check.
const (
	verdictWidth = 8
	checkWidth   = 23
)

func (l *lines) print(result checks.Result) {
	fmt.Fprintf(l.out, "%-*s %-*s %s\n", verdictWidth, result.Verdict, checkWidth, result.Check, result.Reason)
	if result.Fix != "" {
		fmt.Fprintf(l.out, "%s fix: %s\n", strings.Repeat(" ", verdictWidth+checkWidth+1), result.Fix)
	}
}

func (l *lines) printSummary(r *report) {
	state := "Restage is in namespace " + r.Namespace
	if !r.Installed {
		state = "Restage is not installed"
	}
	fmt.Fprintf(l.out, "\n%s. %d failed, %d warnings, %d unknown.\n", state, r.Failed, r.Warnings, r.Unknown)
}
