// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// bodies that are too large or of a type that the server does not speak are refused as such.
func (c *check) bodies(t *testing.T) {
	c.make(t, "body")
	good := manifest(t, c.object("new"))
	large := strings.Repeat(" ", 4<<20)
	for what, r := range map[string]request{
		"create": {method: http.MethodPost, contentType: "application/json", body: large + good},
		"update": {method: http.MethodPut, path: "/body", contentType: "application/json", body: large + good},
		"patch":  {method: http.MethodPatch, path: "/body", contentType: "application/merge-patch+json", body: large + "{}"},
		"delete": {method: http.MethodDelete, path: "/body", contentType: "application/json", body: large + "{}"},
	} {
		c.send(t, r).want(t, what+" with a large body", http.StatusRequestEntityTooLarge)
	}
	for _, contentType := range []string{"text/plain", "application/vnd.kubernetes.protobuf", "application/cbor", "application/xml"} {
		c.send(t, request{method: http.MethodPost, contentType: contentType, body: good}).
			want(t, "create of "+contentType, http.StatusUnsupportedMediaType)
		c.send(t, request{method: http.MethodPut, path: "/body", contentType: contentType, body: good}).
			want(t, "update of "+contentType, http.StatusUnsupportedMediaType)
		c.send(t, request{method: http.MethodPatch, path: "/body", contentType: contentType, body: "{}"}).
			want(t, "patch of "+contentType, http.StatusUnsupportedMediaType)
	}
	asYAML, err := yaml.JSONToYAML([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	answer := c.send(t, request{method: http.MethodPost, query: "dryRun=All", contentType: "application/yaml", accept: "application/yaml", body: string(asYAML)})
	answer.want(t, "YAML", http.StatusCreated)
	if got := answer.header.Get("Content-Type"); got != "application/yaml" || !strings.Contains(string(answer.body), "kind: "+c.kind.name) {
		t.Errorf("YAML is answered with %s: %.200s", got, answer.body)
	}
	c.send(t, request{method: http.MethodPut, contentType: "application/json", body: good}).
		want(t, "update of a collection", http.StatusMethodNotAllowed)
	c.gone(t, "new")
}
