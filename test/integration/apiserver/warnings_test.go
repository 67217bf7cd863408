// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

// heard are the warnings that a client gets.
type heard struct {
	mutex sync.Mutex
	texts []string
}

func (h *heard) HandleWarningHeader(_ int, _ string, text string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.texts = append(h.texts, text)
}

// take returns the paths of the warnings that have been heard since it was last called.
func (h *heard) take() (paths []string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, text := range h.texts {
		path, _, _ := strings.Cut(text, ": ")
		paths = append(paths, path)
	}
	h.texts = nil
	slices.Sort(paths)
	return paths
}

func TestWarnings(t *testing.T) {
	h := &heard{}
	config := rest.CopyConfig(server.Config)
	config.WarningHandler = h
	clientset, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := clientset.ReplayV1alpha1()
	want := func(what string, err error, paths ...string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := h.take(); !slices.Equal(got, paths) {
			t.Errorf("%s: warnings at %q, want %q", what, got, paths)
		}
	}

	snapshot := createSnapshot(t, "warnings")
	replay := newReplay("doubtful", snapshot)
	replay.Spec.TTLAfterFinished = &metav1.Duration{}
	replay.Spec.Workloads = []v1alpha1.EnvironmentWorkload{{
		Ref: v1alpha1.WorkloadReference{Name: "front"}, Containers: []v1alpha1.ContainerOverride{{Image: "example.com/app"}},
	}}
	created, err := c.TrafficReplays(namespace).Create(t.Context(), replay, metav1.CreateOptions{})
	want("a new replay", err, "spec.snapshotName", "spec.ttlAfterFinished", "spec.workloads[0].containers[0].image")
	deleteLater(t, created.Name, c.TrafficReplays(namespace).Delete)
	created.Labels = map[string]string{"a": "b"}
	created, err = c.TrafficReplays(namespace).Update(t.Context(), created, metav1.UpdateOptions{})
	want("another label", err)
	_, err = c.TrafficReplays(namespace).UpdateStatus(t.Context(), created, metav1.UpdateOptions{})
	want("another status", err)

	profile, err := c.ReplayProfiles(namespace).Create(t.Context(), newProfile("doubtful"), metav1.CreateOptions{})
	want("a new profile", err)
	deleteLater(t, profile.Name, c.ReplayProfiles(namespace).Delete)
	profile.Spec.Goals = []v1alpha1.Goal{{Name: "easy", Expression: "1 < 2"}}
	_, err = c.ReplayProfiles(namespace).Update(t.Context(), profile, metav1.UpdateOptions{})
	want("a goal that always holds", err, "spec.goals[0].expression")

	capture := newCapture("doubtful")
	capture.Spec.Ports = []int32{9898, 80}
	_, err = c.TrafficCaptures(namespace).Create(t.Context(), capture, dryRun)
	want("a port that nobody declares", err, "spec.ports[1]")

	for i, name := range []string{"first-default", "second-default"} {
		class := newClass(name)
		class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
		_, err = c.EnvironmentClasses().Create(t.Context(), class, metav1.CreateOptions{})
		want(name, err, []string{"metadata.annotations[environmentclass.replay.restage.dev/is-default-class]"}[:i]...)
		deleteLater(t, name, c.EnvironmentClasses().Delete)
	}
}
