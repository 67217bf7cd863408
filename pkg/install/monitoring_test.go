// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/artifacts"
)

const monitoringGroup = "monitoring.coreos.com/v1"

// The component of Prometheus' operator builds with the default installation, which has none of its kinds, and looks for what is there.
func TestMonitoringComponent(t *testing.T) {
	plain := monitored(t, types.Kustomization{Resources: []string{"../default"}})
	with := monitored(t, types.Kustomization{Resources: []string{"../default"}, Components: []string{"../components/monitoring"}})
	kinds := map[string]int{}
	for _, object := range with {
		if object.GetAPIVersion() == monitoringGroup {
			kinds[object.GetKind()]++
		}
	}
	if kinds["ServiceMonitor"] != 1 || kinds["PodMonitor"] != 4 || kinds["PrometheusRule"] != 1 || len(with) != len(plain)+7 {
		t.Errorf("the component adds %d objects, of the operator %v", len(with)-len(plain), kinds)
	}
	for _, object := range plain {
		if object.GetAPIVersion() == monitoringGroup {
			t.Errorf("the default installation has %s %s", object.GetKind(), object.GetName())
		}
	}

	service := find(t, with, "Service", "restage-apiserver")
	if monitor := find(t, with, "ServiceMonitor", "restage-apiserver"); !selects(monitor, service.GetLabels()) ||
		!slices.Contains(portNames(t, service, "spec", "ports"), endpointPort(t, monitor, "endpoints")) {
		t.Error("the ServiceMonitor does not find the API server")
	}
	labels, _, _ := unstructured.NestedStringMap(find(t, with, "Deployment", "restage-controller").Object, "spec", "template", "metadata", "labels")
	if monitor := find(t, with, "PodMonitor", "restage-controller"); !selects(monitor, labels) || endpointPort(t, monitor, "podMetricsEndpoints") != "health" {
		t.Error("the PodMonitor does not find the controller")
	}
	dashboard, _, _ := unstructured.NestedString(find(t, with, "ConfigMap", "restage-dashboard").Object, "data", "restage.json")
	if !json.Valid([]byte(dashboard)) {
		t.Error("the dashboard is not JSON")
	}
}

func monitored(t *testing.T, top types.Kustomization) (all []*unstructured.Unstructured) {
	t.Helper()
	files, err := copyOf(artifacts.Files)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeKustomization(files, overlay, top); err != nil {
		t.Fatal(err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, overlay)
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range rendered.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			t.Fatal(err)
		}
		all = append(all, object)
	}
	return all
}

func find(t *testing.T, all []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range all {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func selects(monitor *unstructured.Unstructured, labels map[string]string) bool {
	selector, _, _ := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

func portNames(t *testing.T, object *unstructured.Unstructured, path ...string) (names []string) {
	t.Helper()
	ports, _, err := unstructured.NestedSlice(object.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range ports {
		names = append(names, port.(map[string]any)["name"].(string))
	}
	return names
}

func endpointPort(t *testing.T, monitor *unstructured.Unstructured, field string) string {
	t.Helper()
	endpoints, _, err := unstructured.NestedSlice(monitor.Object, "spec", field)
	if err != nil || len(endpoints) == 0 {
		t.Fatalf("%s has no %s: %v", monitor.GetName(), field, err)
	}
	return endpoints[0].(map[string]any)["port"].(string)
}
