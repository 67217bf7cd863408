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
