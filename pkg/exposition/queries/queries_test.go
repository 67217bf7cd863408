// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package queries checks the alerts and the dashboard: each query parses, and asks only for what is shown.
package queries

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

const (
	manifests     = "../../../artifacts/components/monitoring"
	documentation = "../../../docs/reference/observability.md"
)

// query is an expression of an alert or a panel.
type query struct{ where, expr string }

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// rule is an alert.
type rule struct {
	Alert, Expr string
	Annotations map[string]string
}

func alerts(t *testing.T) (rules []rule) {
	t.Helper()
	var manifest struct {
		Spec struct{ Groups []struct{ Rules []rule } }
	}
	if err := yaml.Unmarshal(read(t, filepath.Join(manifests, "rules.yaml")), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, group := range manifest.Spec.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// panels are the queries of the dashboard, with the variables of Grafana in place.
func panels(t *testing.T) (queries []query) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, filepath.Join(manifests, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, query{"panel " + panel.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")})
		}
	}
	return queries
}

var documented = regexp.MustCompile("`((?:restage|apiserver|workqueue|leader_election)_[a-z0-9_]*)(\\*?)`")

// metrics are the documented names, which tests of the parts compare with what they show. A name that ends with * stands for all that
// begin so.
func metrics(t *testing.T) (names map[string]bool, prefixes []string) {
	t.Helper()
	names = map[string]bool{"up": true} // of Prometheus itself
	for _, m := range documented.FindAllStringSubmatch(string(read(t, documentation)), -1) {
		if m[2] == "*" {
			prefixes = append(prefixes, m[1])
			continue
		}
		names[m[1]] = true
	}
	return names, prefixes
}

func TestQueriesAskForWhatIsShown(t *testing.T) {
	names, prefixes := metrics(t)
	queries := panels(t)
	for _, alert := range alerts(t) {
		queries = append(queries, query{"alert " + alert.Alert, alert.Expr})
	}
	if len(queries) < 30 {
		t.Fatalf("there are only %d queries", len(queries))
	}
	known := func(name string) bool {
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} { // of histograms
			base, ok := strings.CutSuffix(name, suffix)
			if ok && names[base] {
				return true
			}
		}
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	}
	for _, q := range queries {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
		if err != nil {
			t.Errorf("%s: %q: %v", q.where, q.expr, err)
			continue
		}
		selectors := parser.ExtractSelectors(expr)
		if len(selectors) == 0 {
			t.Errorf("%s: %q asks for no metric", q.where, q.expr)
		}
		for _, matchers := range selectors {
			if name := metricName(matchers); !known(name) {
				t.Errorf("%s: %q asks for %q, which no part shows", q.where, q.expr, name)
			}
		}
	}
}

func metricName(matchers []*labels.Matcher) string {
	for _, matcher := range matchers {
		if matcher.Name == labels.MetricName && matcher.Type == labels.MatchEqual {
			return matcher.Value
		}
	}
	return ""
}

func TestAlertsAreDocumented(t *testing.T) {
	text := string(read(t, documentation))
	rules := alerts(t)
	for _, alert := range rules {
		if !strings.Contains(text, "| `"+alert.Alert+"` | ") {
			t.Errorf("alert %s is not documented", alert.Alert)
		}
		if alert.Annotations["summary"] == "" {
			t.Errorf("alert %s has no summary", alert.Alert)
		}
	}
	if rows := strings.Count(text, "\n| `Restage"); rows != len(rules) {
		t.Errorf("%d alerts are documented, there are %d", rows, len(rules))
	}
}
