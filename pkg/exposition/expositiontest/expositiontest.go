// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package expositiontest compares what a part shows to Prometheus with what the documentation says.
package expositiontest

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metric is a row of the documentation.
type Metric struct {
	Name, Kind string
	Labels     []string // sorted
}

// page is where the metrics are documented.
var page = filepath.Join("docs", "reference", "observability.md")

// read finds the page from the directory of the test upwards.
func read(t testing.TB) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := here; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, page)); err == nil {
			return string(text)
		}
	}
	t.Fatalf("%s is not above %s", page, here)
	return ""
}

var row = regexp.MustCompile("^\\| `(restage_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*)\\| ")

// Documented are the metrics in the tables below the headings of the page; of all without a heading.
func Documented(t testing.TB, headings ...string) map[string]Metric {
	t.Helper()
	metrics := map[string]Metric{}
	heading := ""
	for line := range strings.Lines(read(t)) {
		if after, ok := strings.CutPrefix(line, "### "); ok {
			heading = strings.TrimSpace(after)
		}
		m := row.FindStringSubmatch(line)
		if m == nil || len(headings) > 0 && !slices.Contains(headings, heading) {
			continue
		}
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		slices.Sort(labels)
		metrics[m[1]] = Metric{Name: m[1], Kind: m[2], Labels: labels}
	}
	if len(metrics) == 0 {
		t.Fatalf("no metric is documented below %q", headings)
	}
	return metrics
}

// Check compares the exposition of a part with the documentation below its headings: every metric whose name begins with the prefix is
// documented, with its kind and labels, and every documented one is there but those of which nothing has been counted.
func Check(t testing.TB, exposed []byte, prefix string, uncounted []string, headings ...string) {
	t.Helper()
	documented := Documented(t, headings...)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposed))
	if err != nil {
		t.Fatalf("reading the metrics: %v", err)
	}
	for name, family := range families {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		want, ok := documented[name]
		if !ok {
			t.Errorf("%s is not documented", name)
			continue
		}
		if kind := strings.ToLower(family.GetType().String()); kind != want.Kind {
			t.Errorf("%s is a %s; the documentation says %s", name, kind, want.Kind)
		}
		if family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, metric := range family.GetMetric() {
			if labels := labelNames(metric); !slices.Equal(labels, want.Labels) {
				t.Errorf("%s has the labels %v; the documentation says %v", name, labels, want.Labels)
			}
		}
	}
	for name := range documented {
		if strings.HasPrefix(name, prefix) && families[name] == nil && !slices.Contains(uncounted, name) {
			t.Errorf("%s is documented and not there", name)
		}
	}
}

func labelNames(metric *dto.Metric) []string {
	var names []string
	for _, label := range metric.GetLabel() {
		names = append(names, label.GetName())
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}
