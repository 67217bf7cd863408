// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package monitoring checks what the Prometheus operator is given against its own types, of which hack/e2e-lifecycle.sh makes the kinds of
// a cluster as well. It is a module of its own, so that the product does not depend on the operator.
package monitoring

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Every field is one that the operator knows, in its place.
func TestManifestsAreOfTheOperatorsTypes(t *testing.T) {
	seen := map[string]int{}
	for _, file := range []string{"monitors.yaml", "rules.yaml"} {
		data, err := os.ReadFile(filepath.Join("../../artifacts/components/monitoring", file))
		if err != nil {
			t.Fatal(err)
		}
		documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(data)))
		for {
			document := make([]byte, len(data))
			n, err := documents.Read(document)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var object metav1.TypeMeta
			if err := yaml.Unmarshal(document[:n], &object); err != nil {
				t.Fatal(err)
			}
			typed := map[string]any{
				monitoringv1.ServiceMonitorsKind: &monitoringv1.ServiceMonitor{}, monitoringv1.PodMonitorsKind: &monitoringv1.PodMonitor{},
				monitoringv1.PrometheusRuleKind: &monitoringv1.PrometheusRule{},
			}[object.Kind]
			if typed == nil || object.APIVersion != monitoringv1.SchemeGroupVersion.String() {
				t.Errorf("%s: there is no %s of %s", file, object.Kind, object.APIVersion)
				continue
			}
			if err := yaml.UnmarshalStrict(document[:n], typed); err != nil {
				t.Errorf("%s: %s: %v", file, object.Kind, err)
			}
			seen[object.Kind]++
		}
	}
	if len(seen) != 3 {
		t.Errorf("the manifests have %v", seen)
	}
}
