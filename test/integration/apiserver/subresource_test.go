// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const base = "/apis/replay.restage.dev/v1alpha1/namespaces/" + namespace

// readRecords returns the ids and directions of records.
func readRecords(t *testing.T, path string) (ids, directions []string) {
	t.Helper()
	response := get(t, base+path, "")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%s: %s, type %q", path, response.Status, response.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		var record struct{ ID, Direction string }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		ids, directions = append(ids, record.ID), append(directions, record.Direction)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return ids, directions
}

func TestRecordsComeInPages(t *testing.T) {
	path := "/trafficsnapshots/" + createSnapshot(t, fullName) + "/records"
	if ids, _ := readRecords(t, path); len(ids) != 500 || ids[0] != "0" || ids[499] != "499" {
		t.Errorf("by default there are %d records", len(ids))
	}
	if ids, _ := readRecords(t, path+"?offset=1100&limit=10000"); len(ids) != 100 || ids[0] != "1100" {
		t.Errorf("the last page has %d records", len(ids))
	}
	ids, directions := readRecords(t, path+"?direction=Outbound&limit=2")
	if len(ids) != 2 || ids[1] != "5" || directions[0] != "Outbound" || directions[1] != "Outbound" {
		t.Errorf("outbound records %v %v", ids, directions)
	}
	if ids, _ := readRecords(t, path+"?offset=5000"); len(ids) != 0 {
		t.Errorf("%d records after the end", len(ids))
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	path := "/trafficsnapshots/" + createSnapshot(t, fullName) + "/records?"
	for query, want := range map[string]string{
		"limit=0":        "limit: 0 must be from 1 to 10000",
		"limit=10001":    "limit: 10001 must be from 1 to 10000",
		"limit=many":     `limit: "many" must be a whole number`,
		"offset=-1":      `offset: "-1" must be a whole number`,
		"direction=left": `direction: "left" must be Inbound or Outbound`,
	} {
		expectStatus(t, base+path+query, http.StatusBadRequest, want)
	}
}

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
	var status metav1.Status
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != code || !strings.Contains(status.Message, message) {
		t.Errorf("%s: %s: %q lacks %q", path, response.Status, status.Message, message)
	}
}

func TestReport(t *testing.T) {
	createReplay(t, newReplay(fullName, createSnapshot(t, "reported")))
	response := get(t, base+"/trafficreplays/full/report", "")
	body, err := io.ReadAll(response.Body)
	if err != nil || response.Header.Get("Content-Type") != "application/json" || string(body) != `{"replay":"shop/full"}` {
		t.Errorf("report %q of type %q, error %v", body, response.Header.Get("Content-Type"), err)
	}
}

// A client must not take a part for the whole.
func TestBrokenContentIsCutOff(t *testing.T) {
	response := get(t, base+"/trafficsnapshots/"+createSnapshot(t, brokenName)+"/records", "")
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the records ended as if they were complete")
	}
}

func TestContentIsReadOnly(t *testing.T) {
	createSnapshot(t, fullName)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		err := server.Client.ReplayV1alpha1().RESTClient().Verb(method).AbsPath(base + "/trafficsnapshots/full/records").Do(t.Context()).Error()
		if err == nil || !strings.Contains(err.Error(), "not allow this method") {
			t.Errorf("%s: %v", method, err)
		}
	}
}
