// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace}
}

func newCapture(name string) *v1alpha1.TrafficCapture {
	return &v1alpha1.TrafficCapture{ObjectMeta: named(name), Spec: v1alpha1.TrafficCaptureSpec{
		WorkloadRef: v1alpha1.WorkloadReference{Name: "front"},
	}}
}

func newSnapshot(name string) *v1alpha1.TrafficSnapshot {
	return &v1alpha1.TrafficSnapshot{ObjectMeta: named(name), Spec: v1alpha1.TrafficSnapshotSpec{
		WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}, Last: &metav1.Duration{Duration: time.Minute},
	}}
}

func newProfile(name string) *v1alpha1.ReplayProfile {
	return &v1alpha1.ReplayProfile{ObjectMeta: named(name)}
}

func newClass(name string) *v1alpha1.EnvironmentClass {
	return &v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func newEnvironment(name, snapshot string) *v1alpha1.Environment {
	return &v1alpha1.Environment{ObjectMeta: named(name), Spec: v1alpha1.EnvironmentSpec{
		SnapshotName: snapshot,
		Workloads:    []v1alpha1.EnvironmentWorkload{{Ref: v1alpha1.WorkloadReference{Name: "front"}}},
	}}
}

func newReplay(name, snapshot string) *v1alpha1.TrafficReplay {
	return &v1alpha1.TrafficReplay{ObjectMeta: named(name), Spec: v1alpha1.TrafficReplaySpec{SnapshotName: snapshot}}
}

// createSnapshot makes a snapshot that lasts as long as the test and returns its name.
func createSnapshot(t *testing.T, name string) string {
	t.Helper()
	c := client().TrafficSnapshots(namespace)
	if _, err := c.Create(t.Context(), newSnapshot(name), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, name, c.Delete)
	return name
}

// makeReady gives the snapshot a status with slices.
func makeReady(t *testing.T, name string, slices ...v1alpha1.Slice) {
	t.Helper()
	c := client().TrafficSnapshots(namespace)
	snapshot, err := c.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Status.Slices = slices
	setCondition(&snapshot.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, "Cut")
	if _, err := c.UpdateStatus(t.Context(), snapshot, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func createReplay(t *testing.T, replay *v1alpha1.TrafficReplay) *v1alpha1.TrafficReplay {
	t.Helper()
	c := client().TrafficReplays(namespace)
	created, err := c.Create(t.Context(), replay, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, created.Name, c.Delete)
	return created
}

func createClass(t *testing.T, class *v1alpha1.EnvironmentClass) {
	t.Helper()
	c := client().EnvironmentClasses()
	if _, err := c.Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, class.Name, c.Delete)
}

func deleteLater(t *testing.T, name string, remove func(context.Context, string, metav1.DeleteOptions) error) {
	t.Cleanup(func() {
		if err := remove(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("deleting %s: %v", name, err)
		}
	})
}

func setCondition(conditions *[]metav1.Condition, kind string, status metav1.ConditionStatus, reason string) {
	meta.SetStatusCondition(conditions, metav1.Condition{Type: kind, Status: status, Reason: reason})
}
