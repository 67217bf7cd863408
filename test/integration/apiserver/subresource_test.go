// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMissingContentIsExplained(t *testing.T) {
	createSnapshot(t, "uncut")
	expectStatus(t, base+"/trafficsnapshots/uncut/records", http.StatusNotFound, "it is still being cut")
	expectStatus(t, base+"/trafficsnapshots/none/records", http.StatusNotFound, `"none" not found`)
	createReplay(t, newReplay("unreported", "uncut"))
	expectStatus(t, base+"/trafficreplays/unreported/report", http.StatusNotFound, "has no report")
	expectStatus(t, base+"/trafficreplays/none/report", http.StatusNotFound, `"none" not found`)
}

func expectStatus(t *testing.T, path string, code int, message string) {
	t.Helper()
	response := get(t, path, "")
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil {
		t.Fatalf("%s: %s: %.200s", path, response.Status, body)
	}
	if response.StatusCode != code || !strings.Contains(status.Message, message) {
		t.Errorf("%s: %s: %q lacks %q", path, response.Status, status.Message, message)
	}
}

const failedReport = `{"schema":"report.restage.dev/v1","replay":{"namespace":"shop","name":"reported"},"snapshot":{"namespace":"shop","name":"reported"},
"startTime":"2026-05-04T12:00:00Z","endTime":"2026-05-04T12:00:09Z","reason":"GoalsFailed","message":"1 of 2 responses differ: GET /<b> (1)",
"summary":{"requests":2,"differing":1,"goals":[{"name":"NoDifferences","expression":"summary.differing == 0","message":"1 of 2 responses differ"}]},
"endpoints":[{"key":"front:9898","operation":"GET /<b>","requests":2,"differing":1,"statuses":[{"recorded":200,"replayed":500,"count":1}]}],
"differences":[{"record":"1","key":"front:9898","operation":"GET /<b>","field":"status","kind":"status","recorded":"200","replayed":"500"}],"lateness":{}}`

func TestReportFormats(t *testing.T) {
	createReplay(t, newReplay("reported", createSnapshot(t, "reported")))
	putReport(t, "reported", []byte(failedReport))
	path := base + "/trafficreplays/reported/report"
	for accept, want := range map[string]string{
		"":                      "application/json",
		"application/json, */*": "application/json", // kubectl get --raw
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "text/html; charset=utf-8", // browsers
		"application/junit+xml": "application/junit+xml",
		"application/xml":       "application/xml",
	} {
		response := get(t, path, accept)
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Content-Type"); got != want || response.StatusCode != http.StatusOK {
			t.Errorf("Accept %q gives %s, %q, want %q: %.300s", accept, response.Status, got, want, body)
			continue
		}
		switch {
		case strings.Contains(want, "json") && string(body) != failedReport:
			t.Errorf("the document is %s", body)
		case strings.Contains(want, "html") && (!strings.Contains(string(body), "GET /&lt;b&gt;") || strings.Contains(string(body), "<b> (1)")):
			t.Errorf("the page is %s", body)
		case strings.Contains(want, "xml"):
			var suites struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
			}
			if err := xml.Unmarshal(body, &suites); err != nil || suites.Tests != 3 || suites.Failures != 2 {
				t.Errorf("%+v, error %v: %s", suites, err, body)
			}
		}
	}
	response := get(t, path, "image/png")
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusNotAcceptable || !strings.Contains(string(body), "application/json, text/html, application/junit+xml") {
		t.Errorf("%s: %s", response.Status, body)
	}
}

func TestContentIsReadOnly(t *testing.T) {
	createSnapshot(t, "full")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		err := server.Client.ReplayV1alpha1().RESTClient().Verb(method).AbsPath(base + "/trafficsnapshots/full/records").Do(t.Context()).Error()
		if err == nil || !strings.Contains(err.Error(), "not allow this method") {
			t.Errorf("%s: %v", method, err)
		}
	}
}
