// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/wiring"
)

// parsed is what CI systems read of the document.
type parsed struct {
	Tests  int `xml:"tests,attr"`
	Suites []struct {
		Name       string `xml:"name,attr"`
		Tests      int    `xml:"tests,attr"`
		Failures   int    `xml:"failures,attr"`
		Errors     int    `xml:"errors,attr"`
		Time       string `xml:"time,attr"`
		Timestamp  string `xml:"timestamp,attr"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Error *struct {
				Type string `xml:"type,attr"`
			} `xml:"error"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func render(t *testing.T, r *report.Report) parsed {
	t.Helper()
	data, err := Render(r)
	require.NoError(t, err)
	var p parsed
	require.NoError(t, xml.Unmarshal(data, &p), "%s", data)
	return p
}

func result() *report.Report {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return &report.Report{
		Replay: wiring.Object{Namespace: "shop", Name: "run"}, Cluster: "west", StartTime: start, EndTime: start.Add(90 * time.Second),
		Summary: report.Summary{Goals: []report.GoalResult{
			{Name: "NoFailures", Expression: "summary.failed == 0", Passed: true},
			{Name: "Fast", Expression: "summary.replayed.p99 < 0.1", Message: "goal Fast does not hold"},
		}},
		Endpoints: []report.Endpoint{
			{Key: "front:80", Operation: "GET /orders/{}", Requests: 9, Differing: 2, Replayed: goal.Latency{P50: 0.0123},
				Statuses: []report.StatusPair{{Recorded: 200, Replayed: 500, Count: 2}}},
			{Key: "front:80", Operation: "GET /version", Requests: 3},
		},
		Differences: []report.Difference{
			{Record: "r1", Key: "front:80", Operation: "GET /orders/7", Difference: compare.NewDifference("$.a", compare.KindBody, "1", "<\x00>")},
			{Record: "r2", Key: "front:80", Operation: "GET /version", Difference: compare.NewDifference("$.b", compare.KindBody, "1", "2")},
		},
	}
}

func TestCases(t *testing.T) {
	suite := render(t, result()).Suites[0]
	require.Equal(t, "shop/run", suite.Name)
	require.Equal(t, "90.000000", suite.Time)
	require.Equal(t, "2026-05-04T12:00:00Z", suite.Timestamp)
	require.Equal(t, []int{5, 2, 0}, []int{suite.Tests, suite.Failures, suite.Errors})
	properties := map[string]string{}
	for _, p := range suite.Properties {
		properties[p.Name] = p.Value
	}
	require.Equal(t, "west", properties["cluster"])
	names := map[string]string{}
	for _, c := range suite.Cases {
		names[c.Class+"|"+c.Name] = ""
		if c.Failure != nil {
			names[c.Class+"|"+c.Name] = c.Failure.Message
		}
	}
	require.Equal(t, map[string]string{
		"shop/run.validity|result is valid":               "",
		"shop/run.goals|NoFailures: summary.failed == 0":  "",
		"shop/run.goals|Fast: summary.replayed.p99 < 0.1": "goal Fast does not hold",
		"shop/run.endpoints.front:80|GET /orders/{}":      "2 of 9 responses differ, 0 requests got none",
		"shop/run.endpoints.front:80|GET /version":        "",
	}, names)
	text := suite.Cases[3].Failure.Text
	require.Contains(t, text, "status 500, recorded 200: 2")
	require.Contains(t, text, "GET /orders/7: $.a: body: recorded 1, replayed <�> (record r1)")
	require.NotContains(t, text, "$.b")
}

// A result that proves nothing is an error, which CI systems tell from a failure.
func TestInvalidResult(t *testing.T) {
	r := result()
	r.Invalid = []report.Invalid{{Reason: report.ReasonLate, Message: "too late"}}
	suite := render(t, r).Suites[0]
	require.Equal(t, 1, suite.Errors)
	require.Equal(t, report.ReasonLate, suite.Cases[0].Error.Type)
}

func TestManyDifferencesAreCut(t *testing.T) {
	r := result()
	for range 100 {
		r.Differences = append(r.Differences, r.Differences[0])
	}
	require.Equal(t, maxListed, strings.Count(render(t, r).Suites[0].Cases[3].Failure.Text, "$.a"))
}
