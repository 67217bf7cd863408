// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package chart tests the Helm chart with Helm's own engine. It is a module of its own, so that the product does not depend on Helm.
package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/install"
)

const folder = "../../artifacts/chart"

func load(t *testing.T) *chart.Chart {
	t.Helper()
	loaded, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// of is a cluster of a minor version of Kubernetes.
func of(minor int) *chartutil.Capabilities {
	version := chartutil.KubeVersion{Version: fmt.Sprintf("v1.%d.4", minor), Major: "1", Minor: fmt.Sprint(minor)}
	return &chartutil.Capabilities{KubeVersion: version, APIVersions: chartutil.DefaultVersionSet}
}

// template is helm template, of a release in another namespace than Restage's.
func template(t *testing.T, values string, cluster *chartutil.Capabilities) (map[string]any, error) {
	t.Helper()
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	loaded := load(t)
	all, err := chartutil.ToRenderValues(loaded, given, chartutil.ReleaseOptions{Name: "restage", Namespace: "default"}, cluster)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		return nil, err
	}
	objects := map[string]any{}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, document := range releaseutil.SplitManifests(text) {
			var object map[string]any
			if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			if object != nil {
				objects[key(&unstructured.Unstructured{Object: object})] = object
			}
		}
	}
	return objects, nil
}

func key(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// render is kubectl restage install.
func render(t *testing.T, values string) map[string]any {
	t.Helper()
	o, err := install.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	all, err := install.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]any{}
	for _, object := range all {
		// as it is read again: numbers are those of JSON
		data, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		var read map[string]any
		if err := yaml.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		objects[key(object)] = read
	}
	return objects
}

func TestChartIsWhatTheCommandRenders(t *testing.T) {
	everything := `
clusterName: "west: 1"
namespace: replays
registry: registry.example:5000/mirror
tag: v0.2.0
imagePullPolicy: Always
imagePullSecrets: [first, second]
storageURL: s3://bucket?region=eu
kubeVersion: "1.35"
`
	for name, values := range map[string]string{
		"defaults":      "{}",
		"filled in":     everything,
		"ha":            `{ha: true, etcdServers: ["https://a:2379", "https://b:2379"]}`,
		"manual":        "injection: manual",
		"namespaced":    "namespaces: [shop, bank]",
		"new in few":    `{kubeVersion: "v1.36.3", namespaces: [shop]}`,
		"old in few":    `{kubeVersion: "1.35", namespaces: [shop]}`,
		"webhook":       "injection: webhook",
		"policy in few": "{injection: policy, namespaces: [shop]}",
		"manual in few": "{injection: manual, namespaces: [shop]}",
		"monitoring":    "{monitoring: true, namespace: replays}",
		"all of it at once": everything + `
monitoring: true
ha: true
etcdServers: ["https://a:2379"]
injection: manual
namespaces: [shop, bank]
`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := template(t, values, of(install.NewestMinor))
			if err != nil {
				t.Fatal(err)
			}
			want := render(t, values)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("objects: install - chart +\n%s", diff)
			}
			for key := range want {
				if diff := cmp.Diff(want[key], got[key]); diff != "" {
					t.Errorf("%s: install - chart +\n%s", key, diff)
				}
			}
		})
	}
}

// What nobody says is as suits the version of the cluster.
func TestOldCluster(t *testing.T) {
	for values, same := range map[string]string{
		"{}":                  "injection: webhook",
		"namespaces: [shop]":  "{injection: webhook, namespaces: [shop]}",
		`kubeVersion: "1.37"`: `{injection: workload, kubeVersion: "1.37"}`,
		"injection: manual":   "injection: manual",
	} {
		got, err := template(t, values, of(install.OldestPolicyMinor-1))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(render(t, same), got); diff != "" {
			t.Errorf("%s: install - chart +\n%s", values, diff)
		}
	}
	for _, values := range []string{"injection: workload", "injection: policy"} {
		if _, err := template(t, values, of(install.OldestPolicyMinor-1)); err == nil || !strings.Contains(err.Error(), "use webhook") {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// A release that is in the namespace of Restage must not have that namespace among its objects: Helm has made it.
func TestReleaseInOurNamespace(t *testing.T) {
	loaded := load(t)
	all, err := chartutil.ToRenderValues(loaded, nil, chartutil.ReleaseOptions{Namespace: install.DefaultNamespace}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		t.Fatal(err)
	}
	if text := files["restage/templates/namespace.yaml"]; strings.Contains(text, "kind: Namespace") {
		t.Error(text)
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	for name, values := range map[string]string{
		"unknown":              "colour: red",
		"ha without an etcd":   "ha: true",
		"an etcd without ha":   `etcdServers: ["https://a:2379"]`,
		"an old version":       `kubeVersion: "1.34"`,
		"a number":             "kubeVersion: 1.36",
		"a registry with http": "registry: https://registry.example",
		"injection":            "injection: operator",
		"too old for a policy": `{injection: policy, kubeVersion: "v1.35.4"}`,
		"too old for changes":  `{injection: workload, kubeVersion: "1.35"}`,
		"storage":              "storageURL: /data",
		"namespaces":           "namespaces: [Shop]",
	} {
		if _, err := template(t, values, of(install.NewestMinor)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLint(t *testing.T) {
	for _, message := range lint.All(folder, nil, "default", true).Messages {
		if message.Severity >= support.WarningSev {
			t.Error(message)
		}
	}
}

func TestNeitherHooksNorLookups(t *testing.T) {
	for _, file := range load(t).Templates {
		for _, word := range []string{"helm.sh/hook", "lookup"} {
			if strings.Contains(string(file.Data), word) {
				t.Errorf("%s has %s", file.Name, word)
			}
		}
	}
}
