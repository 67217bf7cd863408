// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package html writes a report as one page that needs nothing else: no script, no font, no picture.
package html

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/report"
)

// MediaType is the media type of the page.
const MediaType = "text/html"

// SecurityPolicy lets a browser do nothing with the page but show it.
const SecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

//go:embed page.html
var page string

// Render writes the page.
func Render(r *report.Report) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"latency":     latency,
		"verdict":     verdict,
		"took":        func(r *report.Report) string { return r.EndTime.Sub(r.StartTime).Round(time.Millisecond).String() },
		"when":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
		"status":      status,
		"differences": func(e report.Endpoint) []report.Difference { return r.DifferencesOf(&e) },
		"join":        func(list []string) string { return strings.Join(list, ", ") },
	}).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("reading the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("writing the report as HTML: %w", err)
	}
	return out.Bytes(), nil
}

func verdict(r *report.Report) string {
	switch {
	case r.Passed:
		return "Passed"
	case len(r.Invalid) > 0:
		return "Invalid"
	default:
		return "Failed"
	}
}

// latency is readable, and a dash for none.
func latency(seconds float64) string {
	if d := time.Duration(seconds * float64(time.Second)); d != 0 {
		return report.ReadableLatency(d)
	}
	return "–"
}

func status(code int) string {
	if code == 0 {
		return "no response"
	}
	return fmt.Sprint(code)
}
