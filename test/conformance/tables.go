// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

// tables are what kubectl get prints.
func (c *check) tables(t *testing.T) {
	for _, name := range []string{"row-1", "row-2", "row-3"} {
		c.make(t, name, labelled("test", "tables"))
	}
	table := func(path, query, accept string) metav1.Table {
		t.Helper()
		var decoded metav1.Table
		answer := c.send(t, request{path: path, query: query, accept: accept})
		answer.want(t, "table "+path, http.StatusOK)
		answer.decode(t, &decoded)
		if decoded.Kind != "Table" || decoded.APIVersion != "meta.k8s.io/v1" || decoded.ResourceVersion == "" {
			t.Errorf("%s %s of version %q", decoded.APIVersion, decoded.Kind, decoded.ResourceVersion)
		}
		return decoded
	}
	of := func(all metav1.Table) string {
		var rows []string
		for _, row := range all.Rows {
			if len(row.Cells) != len(all.ColumnDefinitions) {
				t.Errorf("%d cells under %d columns", len(row.Cells), len(all.ColumnDefinitions))
			}
			rows = append(rows, fmt.Sprint(row.Cells[0]))
		}
		return strings.Join(rows, " ")
	}
	all := table("", "labelSelector=test%3Dtables", acceptTable)
	if got := of(all); got != "row-1 row-2 row-3" {
		t.Errorf("rows %q", got)
	}
	c.columns(t, all)
	page := table("", "labelSelector=test%3Dtables&limit=2", acceptTable)
	if of(page) != "row-1 row-2" || page.Continue == "" {
		t.Errorf("a page with the rows %q, continue %q", of(page), page.Continue)
	}
	if got := of(table("", "labelSelector=test%3Dtables&limit=2&continue="+page.Continue, acceptTable)); got != "row-3" {
		t.Errorf("the next page has the rows %q", got)
	}
	if got := of(table("/row-2", "", acceptTable)); got != "row-2" {
		t.Errorf("the table of one object has the rows %q", got)
	}
	if c.kind.status != "" {
		if got := of(table("/row-2/status", "", acceptTable)); got != "row-2" {
			t.Errorf("the table of the status has the rows %q", got)
		}
	}
	// what kubectl sends
	table("/row-1", "", acceptTable+",application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json")
	for query, want := range map[string]string{
		"": "PartialObjectMetadata", "includeObject=Metadata": "PartialObjectMetadata", "includeObject=Object": c.kind.name, "includeObject=None": "",
	} {
		var object struct{ Kind string }
		raw := table("/row-1", query, acceptTable).Rows[0].Object.Raw
		if err := json.Unmarshal(raw, &object); len(raw) > 0 && string(raw) != "null" && err != nil || object.Kind != want {
			t.Errorf("%q: rows hold %q, want %q, error %v", query, object.Kind, want, err)
		}
	}
	c.tableWatch(t)
	c.send(t, request{query: "includeObject=Some", accept: acceptTable}).want(t, "an unknown object", http.StatusBadRequest, "includeObject")
	c.send(t, request{accept: "application/json;as=Table;v=v9;g=meta.k8s.io"}).want(t, "an unknown table", http.StatusNotAcceptable)
}

// tableWatch is kubectl get -w: each event holds a table of one row, the first of them the columns too.
func (c *check) tableWatch(t *testing.T) {
	t.Helper()
	answer := c.send(t, request{query: "watch=1&timeoutSeconds=1&labelSelector=test%3Dtables", accept: acceptTable})
	answer.want(t, "watch of tables", http.StatusOK)
	events := json.NewDecoder(bytes.NewReader(answer.body))
	for i := range 3 {
		var event struct {
			Type   string
			Object metav1.Table
		}
		if err := events.Decode(&event); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if event.Type != "ADDED" || event.Object.Kind != "Table" || len(event.Object.Rows) != 1 || (len(event.Object.ColumnDefinitions) > 0) != (i == 0) {
			t.Errorf("event %d is %s of %+v", i, event.Type, event.Object)
		}
	}
}

// columns are described, and the wide ones come last.
func (c *check) columns(t *testing.T, table metav1.Table) {
	t.Helper()
	var got []string
	wide := false
	for _, column := range table.ColumnDefinitions {
		if column.Description == "" {
			t.Errorf("column %s is not described", column.Name)
		}
		if column.Priority > 0 && !wide {
			wide, got = true, append(got, "|")
		}
		if column.Priority == 0 && wide {
			t.Errorf("column %s is not wide and comes after those that are", column.Name)
		}
		got = append(got, column.Name)
	}
	if columns := strings.Join(got, " "); columns != c.kind.columns {
		t.Errorf("columns %q, want %q", columns, c.kind.columns)
	}
}
