// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/spec3"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func TestDiscovery(t *testing.T) {
	list, err := server.Client.Discovery().ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	short := map[string][]string{
		"trafficcaptures": {"capture", "captures"}, "trafficsnapshots": {"snapshot", "snapshots"}, "replayprofiles": {"profile", "profiles"},
		"environments": {"env", "envs"}, "environmentclasses": {"envclass", "envclasses"}, "trafficreplays": {"replay", "replays"},
	}
	subresources := map[string][]string{
		"trafficsnapshots/records": {"get"}, "trafficsnapshots/upload": {"create", "get", "patch", "update"}, "trafficreplays/report": {"get"},
		"trafficreplays/cancel": {"create"}, "trafficreplays/log": {"get"},
		"trafficcaptures/status": {"get", "patch", "update"}, "trafficsnapshots/status": {"get", "patch", "update"},
		"environments/status": {"get", "patch", "update"}, "trafficreplays/status": {"get", "patch", "update"},
	}
	for _, resource := range list.APIResources {
		if verbs, ok := subresources[resource.Name]; ok {
			if !slices.Equal(resource.Verbs, verbs) {
				t.Errorf("%s has the verbs %v", resource.Name, resource.Verbs)
			}
			delete(subresources, resource.Name)
			continue
		}
		if !slices.Equal(resource.ShortNames, short[resource.Name]) || !slices.Equal(resource.Categories, []string{"restage"}) {
			t.Errorf("%s has short names %v, categories %v", resource.Name, resource.ShortNames, resource.Categories)
		}
		if resource.SingularName != strings.ToLower(resource.Kind) || resource.Namespaced == (resource.Name == "environmentclasses") {
			t.Errorf("%s has singular %q, namespaced %v", resource.Name, resource.SingularName, resource.Namespaced)
		}
		for _, verb := range []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} {
			if !slices.Contains(resource.Verbs, verb) {
				t.Errorf("%s lacks the verb %s", resource.Name, verb)
			}
		}
		delete(short, resource.Name)
	}
	if len(short)+len(subresources) > 0 {
		t.Errorf("not served: %v %v", short, subresources)
	}
}

func get(t *testing.T, path, accept string) *http.Response {
	t.Helper()
	transport, err := rest.TransportFor(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.Config.Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestOpenAPIv2(t *testing.T) {
	document, err := server.Client.Discovery().OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(document.Definitions.AdditionalProperties, func(d *openapiv2.NamedSchema) bool {
		return d.Name == "dev.restage.replay.v1alpha1.TrafficReplaySpec"
	})
	if i < 0 {
		t.Fatal("TrafficReplaySpec is not defined")
	}
	for _, property := range document.Definitions.AdditionalProperties[i].Value.Properties.AdditionalProperties {
		if property.Value.Description == "" {
			t.Errorf("kubectl explain trafficreplay.spec.%s has nothing to say", property.Name)
		}
	}
}

func TestOpenAPIv3(t *testing.T) {
	paths, err := server.Client.Discovery().OpenAPIV3().Paths()
	if err != nil {
		t.Fatal(err)
	}
	data, err := paths["apis/replay.restage.dev/v1alpha1"].Schema("application/json")
	if err != nil {
		t.Fatal(err)
	}
	var document spec3.OpenAPI
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	ours := 0
	for name, schema := range document.Components.Schemas {
		if !strings.HasPrefix(name, "dev.restage.replay.v1alpha1.") {
			continue
		}
		ours++
		for field, property := range schema.Properties {
			// A reference carries its description beside it.
			if property.Description == "" && field != "kind" && field != "apiVersion" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
	if ours < 30 {
		t.Errorf("only %d of our models are described", ours)
	}
	path := func(subresource string) *spec3.Path {
		t.Helper()
		p := document.Paths.Paths["/apis/replay.restage.dev/v1alpha1/namespaces/{namespace}/"+subresource]
		if p == nil {
			t.Fatalf("%s is not described", subresource)
		}
		return p
	}
	expectParameters(t, path("trafficsnapshots/{name}/records"), "limit", "continue", "direction", "key", "method", "path", "operation", "status", "since", "until")
	expectParameters(t, path("trafficreplays/{name}/log"), "follow", "tailLines", "sinceSeconds")
	if p := path("trafficsnapshots/{name}/upload"); p.Post == nil || p.Put == nil || p.Patch == nil || p.Get == nil || p.Head == nil {
		t.Error("a method of an upload is not described")
	}
	body := path("trafficreplays/{name}/cancel").Post.RequestBody.Content["*/*"]
	if body == nil || !strings.HasSuffix(body.Schema.Ref.String(), "dev.restage.replay.v1alpha1.ReplayCancellation") {
		t.Errorf("the body of a cancellation is described as %+v", body)
	}
}

// expectParameters wants query parameters, each with a description, of the path or its GET.
func expectParameters(t *testing.T, path *spec3.Path, names ...string) {
	t.Helper()
	parameters := slices.Concat(path.Parameters, path.Get.Parameters)
	for _, name := range names {
		if !slices.ContainsFunc(parameters, func(p *spec3.Parameter) bool { return p.Name == name && p.In == "query" && p.Description != "" }) {
			t.Errorf("the parameter %s is not described", name)
		}
	}
}
