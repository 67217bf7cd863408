// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// fieldValidation: unknown and doubled fields are refused, told of or passed over, as the client wants. Telling is the default.
func (c *check) fieldValidation(t *testing.T) {
	c.make(t, "strict")
	spec := manifest(t, c.object("").Object["spec"])
	typo := strings.TrimSuffix(spec, "}") + `,"speling":1}`
	body := func(name, spec, more string) string {
		namespace := ""
		if !c.kind.clusterScoped {
			namespace = fmt.Sprintf(`"namespace":%q,`, c.Namespace)
		}
		return fmt.Sprintf(`{"apiVersion":"replay.restage.dev/v1alpha1","kind":%q,"metadata":{%s"name":%q,"labels":{"a":"1"}%s},"spec":%s}`,
			c.kind.name, namespace, name, more, spec)
	}
	const doubled = `,"labels":{"a":"2"}`
	const unknownText, doubledText = `unknown field "spec.speling"`, `duplicate field "metadata.labels"`
	const json, merge, apply = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"
	for what, test := range map[string]struct {
		method, path, contentType, body, text string
		refused                               int // with the status
	}{
		"unknown field at creation": {http.MethodPost, "", json, body("loose", typo, ""), unknownText, http.StatusBadRequest},
		"doubled field at creation": {http.MethodPost, "", json, body("loose", spec, doubled), doubledText, http.StatusBadRequest},
		"unknown field at update":   {http.MethodPut, "/strict", json, body("strict", typo, ""), unknownText, http.StatusBadRequest},
		"doubled field at update":   {http.MethodPut, "/strict", json, body("strict", spec, doubled), doubledText, http.StatusBadRequest},
		"unknown field of a patch":  {http.MethodPatch, "/strict", merge, `{"spec":{"speling":1}}`, unknownText, http.StatusUnprocessableEntity},
		"doubled field of a patch":  {http.MethodPatch, "/strict", merge, `{"metadata":{"labels":{"a":"1"},"labels":{"a":"2"}}}`, doubledText, http.StatusUnprocessableEntity},
		"field unknown to JSON patch": {http.MethodPatch, "/strict", "application/json-patch+json",
			`[{"op":"add","path":"/spec/speling","value":1}]`, unknownText, http.StatusUnprocessableEntity},
		"doubled field of an apply": {http.MethodPatch, "/applied", apply, body("applied", spec, doubled), `key "labels" already set in map`, http.StatusBadRequest},
	} {
		r := request{method: test.method, path: test.path, contentType: test.contentType, body: test.body}
		send := func(mode string) response {
			r.query = "dryRun=All&fieldManager=conformance" + mode
			return c.send(t, r)
		}
		send("&fieldValidation=Strict").want(t, what+", strict", test.refused, test.text)
		for _, mode := range []string{"", "&fieldValidation=Warn"} {
			answer := send(mode)
			if answer.code >= 300 || !strings.Contains(strings.ReplaceAll(fmt.Sprint(answer.warnings), `\"`, `"`), test.text) {
				t.Errorf("%s, %q: %d with warnings %q, want one of %s", what, mode, answer.code, answer.warnings, test.text)
			}
		}
		if answer := send("&fieldValidation=Ignore"); answer.code >= 300 || strings.Contains(strings.ReplaceAll(fmt.Sprint(answer.warnings), `\"`, `"`), test.text) {
			t.Errorf("%s, ignored: %d %.300s with warnings %q", what, answer.code, answer.body, answer.warnings)
		}
	}
	// An apply names its fields, so that one that the schema does not hold is never passed over.
	c.send(t, request{method: http.MethodPatch, path: "/applied", query: "fieldManager=conformance&fieldValidation=Ignore", contentType: apply,
		body: body("applied", typo, "")}).want(t, "unknown field of an apply", http.StatusInternalServerError, "field not declared in schema")
	c.send(t, request{method: http.MethodPost, query: "fieldValidation=Perhaps", contentType: json, body: body("loose", spec, "")}).
		want(t, "unknown mode", http.StatusUnprocessableEntity, "fieldValidation")
	c.gone(t, "loose")
	c.gone(t, "applied")
}
