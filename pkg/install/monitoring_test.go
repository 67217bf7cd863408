// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const monitoringGroup = "monitoring.coreos.com/v1"

// What Prometheus' operator is given looks for what is there, and nothing of it is in an installation that does not ask for it.
func TestMonitoring(t *testing.T) {
	plain, err := Render(Options{})
	if err != nil {
		t.Fatal(err)
	}
	with, err := Render(Options{Monitoring: true, Namespace: "tools"})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, object := range with {
		if object.GetAPIVersion() == monitoringGroup {
			kinds[object.GetKind()]++
			if object.GetNamespace() != "tools" {
				t.Errorf("%s %s is in namespace %s", object.GetKind(), object.GetName(), object.GetNamespace())
			}
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
