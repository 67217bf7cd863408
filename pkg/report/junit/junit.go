// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package junit writes a report as JUnit XML, which CI systems show: a test suite for the replay, with a test case for each
// goal, for each endpoint and for the validity of the result.
package junit

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restage-dev/restage/pkg/report"
)

// MediaType is the media type of the document.
const MediaType = "application/junit+xml"

// maxListed is how many differences of an endpoint its failure lists.
const maxListed = 20

type testSuites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []testSuite
}

type testSuite struct {
	XMLName    xml.Name   `xml:"testsuite"`
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       string     `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr"`
	Properties []property `xml:"properties>property"`
	Cases      []testCase
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testCase struct {
	XMLName xml.Name `xml:"testcase"`
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
}

// problem is why a test case did not pass.
type problem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// Render writes the report.
func Render(r *report.Report) ([]byte, error) {
	suite := newSuite(r)
	document := testSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suites: []testSuite{suite}}
	data, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report as JUnit XML: %w", err)
	}
	return append(append([]byte(xml.Header), data...), '\n'), nil
}

func newSuite(r *report.Report) testSuite {
	name := r.Replay.Namespace + "/" + r.Replay.Name
	suite := testSuite{
		Name: clean(name), Time: seconds(r.EndTime.Sub(r.StartTime).Seconds()), Timestamp: r.StartTime.UTC().Format(time.RFC3339),
		Properties: []property{
			{"snapshot", clean(r.Snapshot.Namespace + "/" + r.Snapshot.Name)}, {"buildTag", clean(r.BuildTag)}, {"cluster", clean(r.Cluster)},
			{"reason", clean(r.Reason)}, {"message", clean(r.Message)},
		},
	}
	validity := testCase{Name: "result is valid", Class: clean(name) + ".validity"}
	if len(r.Invalid) > 0 {
		validity.Error = invalidity(r)
	}
	suite.add(validity)
	for _, goal := range r.Summary.Goals {
		c := testCase{Name: clean(goal.Name + ": " + goal.Expression), Class: clean(name) + ".goals"}
		if !goal.Passed {
			message := cmp.Or(goal.Message, "the goal does not hold")
			c.Failure = &problem{Message: clean(message), Type: report.ReasonGoalsFailed, Text: clean(message)}
		}
		suite.add(c)
	}
	for i := range r.Endpoints {
		suite.add(endpoint(r, &r.Endpoints[i], name))
	}
	return suite
}

func (s *testSuite) add(c testCase) {
	c.Time = cmp.Or(c.Time, seconds(0))
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Error != nil:
		s.Errors++
	case c.Failure != nil:
		s.Failures++
	}
}

func invalidity(r *report.Report) *problem {
	p := &problem{Message: clean(r.Invalid[0].Message), Type: clean(r.Invalid[0].Reason)}
	for _, reason := range r.Invalid {
		p.Text += clean(reason.Reason + ": " + reason.Message + "\n")
	}
	return p
}

// endpoint is a failure when any of its requests failed or any of its responses differs.
func endpoint(r *report.Report, e *report.Endpoint, name string) testCase {
	c := testCase{Name: clean(e.Operation), Class: clean(name + ".endpoints." + e.Key), Time: seconds(e.Replayed.P50)}
	if e.Failed == 0 && e.Differing == 0 {
		return c
	}
	message := fmt.Sprintf("%d of %d responses differ, %d requests got none", e.Differing, e.Requests, e.Failed)
	var text strings.Builder
	text.WriteString(message + "\n")
	for _, pair := range e.Statuses {
		fmt.Fprintf(&text, "status %d, recorded %d: %d\n", pair.Replayed, pair.Recorded, pair.Count)
	}
	for i, d := range r.DifferencesOf(e) {
		if i == maxListed {
			text.WriteString("…\n")
			break
		}
		fmt.Fprintf(&text, "%s: %s: %s: recorded %s, replayed %s (record %s)\n", d.Operation, d.Field, d.Kind, d.Recorded, d.Replayed, d.Record)
	}
	c.Failure = &problem{Message: message, Type: "Differing", Text: clean(text.String())}
	if e.Differing == 0 {
		c.Failure.Type = "Failed"
	}
	return c
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 6, 64) }

// clean leaves out what XML cannot hold.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff, r >= 0xe000 && r <= 0xfffd, r >= 0x10000 && r <= utf8.MaxRune:
			return r
		default:
			return utf8.RuneError
		}
	}, text)
}
