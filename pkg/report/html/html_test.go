// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package html

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/wiring"
)

const evil = `<script src="https://evil.example/x.js">alert(1)</script>`

func result() *report.Report {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return &report.Report{
		Replay: wiring.Object{Namespace: "shop", Name: "run"}, Snapshot: wiring.Object{Namespace: "shop", Name: "monday"}, BuildTag: evil, Cluster: "west <1>",
		StartTime: start, EndTime: start.Add(90 * time.Second), Reason: report.ReasonGoalsFailed, Message: "1 of 12 responses differ " + evil,
		Summary: report.Summary{
			Summary: goal.Summary{
				Requests: 12, Differing: 1, Replayed: goal.Latency{P50: 0.0123, P99: 1.5}, Recorded: goal.Latency{P50: 0.000789},
				Matches: goal.Matches{Total: 5, Exact: 4, Missed: 1}, Egress: goal.Egress{Attempted: 5, Answered: 4, Refused: 1, Dropped: 7},
			},
			Goals: []report.GoalResult{{Name: "NoDifferences", Expression: "summary.differing == 0", Message: evil}},
		},
		Endpoints: []report.Endpoint{
			{Key: "front:80", Operation: "GET /orders/{}", Requests: 9, Differing: 1, Statuses: []report.StatusPair{{Recorded: 200, Replayed: 0, Count: 1}}},
			{Key: "front:80", Operation: "GET /quiet", Requests: 3},
		},
		Differences: []report.Difference{{Record: "r1", Key: "front:80", Operation: "GET /orders/7", Difference: compare.NewDifference("$.a", compare.KindBody, "1", evil)}},
		Outbound: &report.Outbound{
			Calls:  []report.OutboundCalls{{Key: "back:9898", Exact: 4, Missed: 1}},
			Missed: []report.MissedCall{{Time: start, Key: "back:9898", Operation: "GET /new", Explanation: evil}},
		},
		Egress: []report.ProxyEgress{{Pod: "run-front-1", Attempted: 5, Dropped: 7, RefusedNames: []string{"evil.example"}}},
		Noise:  []compare.NoiseField{{Operation: "GET /quiet", Field: "$.now"}},
	}
}

// text returns the words of a page, and fails when the page would load anything or run a script.
func text(t *testing.T, page []byte) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(string(page)))
	require.NoError(t, err)
	var words strings.Builder
	for node := range root.Descendants() {
		switch {
		case node.Type == html.TextNode && node.Parent.Data != "style":
			words.WriteString(node.Data + " ")
		case node.Type == html.ElementNode:
			require.NotContains(t, []string{"script", "link", "img", "iframe", "object"}, node.Data)
			for _, attribute := range node.Attr {
				require.NotContains(t, []string{"src", "href", "onclick", "onload"}, attribute.Key)
			}
		}
	}
	return strings.Join(strings.Fields(words.String()), " ")
}

func TestPage(t *testing.T) {
	page, err := Render(result())
	require.NoError(t, err)
	words := text(t, page)
	for _, want := range []string{
		"Failed shop/run", "Cluster west <1> · Snapshot shop/monday", "took 1m30s", evil, "12 replayed, 0 without a response, 1 differing",
		"NoDifferences summary.differing == 0 does not hold", "12.3ms", "1.5s", "789µs", "GET /orders/{} of front:80: 200 → no response (1)",
		"GET /orders/7 r1 $.a body 1", "GET /new to back:9898", "5 connections attempted, 4 answered from the recording, 1 refused, 0 let out . 7 packets of other protocols than TCP were dropped.",
		"run-front-1 5", "evil.example", "GET /quiet $.now",
	} {
		require.Contains(t, words, want)
	}
}

func TestVerdicts(t *testing.T) {
	passed, invalid := result(), result()
	passed.Passed, passed.Outbound = true, nil
	page, err := Render(passed)
	require.NoError(t, err)
	require.Contains(t, text(t, page), "Passed shop/run")
	require.NotContains(t, text(t, page), "Proof of isolation", "there was no environment")
	invalid.Invalid = []report.Invalid{{Reason: report.ReasonLate, Message: "too late"}}
	page, err = Render(invalid)
	require.NoError(t, err)
	require.Contains(t, text(t, page), "Why the result cannot be trusted InvalidLate : too late")
}
