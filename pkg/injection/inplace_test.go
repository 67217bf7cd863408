// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// A workload in place gets the very containers and volumes that a copy gets, and keeps what is its own.
func TestInPlaceAddsWhatACopyGets(t *testing.T) {
	live := readTemplate(t, "front")
	live.Spec.PriorityClassName = "high"
	copied, err := Isolate(live, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	template, err := InPlace(live, isolateOptions())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(copied.Spec.InitContainers, template.Spec.InitContainers); diff != "" {
		t.Errorf("init containers: %s", diff)
	}
	if diff := cmp.Diff(copied.Spec.Containers, template.Spec.Containers); diff != "" {
		t.Errorf("containers: %s", diff)
	}
	if diff := cmp.Diff(copied.Spec.Volumes, template.Spec.Volumes); diff != "" {
		t.Errorf("volumes: %s", diff)
	}
	for name, value := range live.Labels {
		if template.Labels[name] != value {
			t.Errorf("the label %s is %q, want %q", name, template.Labels[name], value)
		}
	}
	if template.Spec.PriorityClassName != "high" {
		t.Error("the workload lost its priority")
	}
}

func TestInPlaceRefusesWhatIsRecorded(t *testing.T) {
	live := readTemplate(t, "front")
	live.Spec.InitContainers = append(live.Spec.InitContainers, corev1.Container{Name: wiring.ProxyContainerName})
	if _, err := InPlace(live, isolateOptions()); err == nil || !strings.Contains(err.Error(), "the workload is being recorded") {
		t.Errorf("error %v", err)
	}
}

// Whatever the strategy and the interception, a pod on its node's network cannot be isolated.
func TestHostNetworkIsRefused(t *testing.T) {
	live := readTemplate(t, "front")
	live.Spec.HostNetwork = true
	for _, opts := range []IsolateOptions{isolateOptions(), explicitOptions()} {
		for name, isolate := range map[string]func(corev1.PodTemplateSpec, IsolateOptions) (corev1.PodTemplateSpec, error){"Clone": Isolate, "InPlace": InPlace} {
			if _, err := isolate(live, opts); err == nil || !strings.Contains(err.Error(), "spec.template.spec.hostNetwork: Forbidden: redirect rules need the pod's own network") {
				t.Errorf("%s, explicit %t: error %v", name, opts.Explicit, err)
			}
		}
	}
	if err := RefuseCapture(live.Spec, isolateOptions().Path); err == nil || !strings.Contains(err.Error(), "hostNetwork") {
		t.Errorf("recording: error %v", err)
	}
}

// A mesh gets into no environment, whatever the live workload has.
func TestNoMeshInEnvironments(t *testing.T) {
	live := readTemplate(t, "front")
	live.Labels["sidecar.istio.io/inject"] = "true"
	live.Annotations = map[string]string{"linkerd.io/inject": "enabled", "sidecar.istio.io/inject": "true"}
	for name, isolate := range map[string]func(corev1.PodTemplateSpec, IsolateOptions) (corev1.PodTemplateSpec, error){"Clone": Isolate, "InPlace": InPlace} {
		template, err := isolate(live, isolateOptions())
		if err != nil {
			t.Fatal(err)
		}
		if template.Labels["sidecar.istio.io/inject"] != "false" || template.Labels["istio.io/dataplane-mode"] != "none" ||
			template.Annotations["linkerd.io/inject"] != "disabled" || template.Annotations["sidecar.istio.io/inject"] != "false" {
			t.Errorf("%s: labels %v, annotations %v", name, template.Labels, template.Annotations)
		}
	}
}
