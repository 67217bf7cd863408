// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/wiring"
)

var update = flag.Bool("update", false, "write the golden files anew")

func readTemplate(t *testing.T, name string) corev1.PodTemplateSpec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var template corev1.PodTemplateSpec
	if err := yaml.UnmarshalStrict(data, &template); err != nil {
		t.Fatal(err)
	}
	return template
}

func compareGolden(t *testing.T, name string, got any) {
	t.Helper()
	data, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".golden.yaml")
	if *update {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func captureOptions() CaptureOptions {
	return CaptureOptions{
		Settings:        wiring.NewCaptureSettings("front", []uint16{9898, 9999}),
		Forwarder:       "restage-forwarder.restage-system.svc:4143",
		Image:           "restage/restage-proxy:test",
		ImagePullPolicy: corev1.PullIfNotPresent,
	}
}

func isolateOptions() IsolateOptions {
	return IsolateOptions{
		Path:            field.NewPath("spec", "template", "spec"),
		Environment:     "monday",
		Workload:        "front",
		Image:           "restage/restage-proxy:test",
		ImagePullPolicy: corev1.PullIfNotPresent,
		Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("200Mi")},
		},
		NodeSelector: map[string]string{"pool": "replay"},
	}
}

func TestCaptureGolden(t *testing.T) {
	template := readTemplate(t, "front")
	Capture(captureOptions()).AddTo(&template)
	compareGolden(t, "front-captured", template)
}

func TestIsolateGolden(t *testing.T) {
	live := readTemplate(t, "front")
	before := live.DeepCopy()
	got, err := Isolate(live, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "front-isolated", got)
	if diff := cmp.Diff(*before, live); diff != "" {
		t.Errorf("the live template was changed:\n%s", diff)
	}
}

// Kubernetes refuses a pod with resources of its own whose containers ask for more, so that ours ask for nothing there.
func TestPodsWithResources(t *testing.T) {
	cramped := readTemplate(t, "front")
	cramped.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m")}}
	opts := captureOptions()
	opts.Template = cramped
	captured := *cramped.DeepCopy()
	Capture(opts).AddTo(&captured)
	isolated, err := Isolate(cramped, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	for name, template := range map[string]corev1.PodTemplateSpec{"captured": captured, "isolated": isolated} {
		ours := 0
		for _, c := range template.Spec.InitContainers {
			if !IsOurContainer(c.Name) {
				continue
			}
			ours++
			if len(c.Resources.Requests) > 0 || len(c.Resources.Limits) > 0 {
				t.Errorf("%s: %s asks for %v", name, c.Name, c.Resources)
			}
		}
		if ours != 2 {
			t.Errorf("%s: there are %d containers of ours", name, ours)
		}
	}
}

func TestIsolateReplacesCapture(t *testing.T) {
	plain := readTemplate(t, "front")
	want, err := Isolate(plain, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	captured := *plain.DeepCopy()
	Capture(captureOptions()).AddTo(&captured)
	got, err := Isolate(captured, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a captured workload is isolated in another way (-plain +captured):\n%s", diff)
	}
}

func TestAddToIsIdempotent(t *testing.T) {
	once := readTemplate(t, "front")
	patch := Capture(captureOptions())
	patch.AddTo(&once)
	twice := *once.DeepCopy()
	patch.AddTo(&twice)
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Error(diff)
	}
}

func TestDeclaredPorts(t *testing.T) {
	template := readTemplate(t, "front")
	if diff := cmp.Diff([]int32{9797, 9898}, DeclaredPorts(template.Spec)); diff != "" {
		t.Error(diff)
	}
}
