// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
)

func TestSpecAndStatusAreKeptApart(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	wanted := newReplay("apart", createSnapshot(t, "apart"))
	wanted.Status.EnvironmentName = "forged"
	created := createReplay(t, wanted)
	if created.Status.EnvironmentName != "" {
		t.Error("a status was taken at creation")
	}

	created.Status.EnvironmentName = "real"
	created.Spec.BuildTag = "forged"
	created.Labels = map[string]string{"forged": "yes"}
	updated, err := c.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if updated.Status.EnvironmentName != "real" || updated.Spec.BuildTag != "" || updated.Labels != nil || updated.Generation != 1 {
		t.Errorf("a write of the status gave %+v", updated)
	}

	updated.Status.EnvironmentName = "forged"
	updated.Labels = map[string]string{"mine": "yes"}
	updated, err = c.Update(ctx, updated, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if updated.Status.EnvironmentName != "real" || updated.Labels["mine"] != "yes" {
		t.Errorf("a write of the object gave status %+v, labels %v", updated.Status, updated.Labels)
	}
}

func TestStatusIsValidated(t *testing.T) {
	replay := createReplay(t, newReplay("bad-status", createSnapshot(t, "bad-status")))
	replay.Status.Conditions = []metav1.Condition{{Type: "Passed", Status: "Perhaps", Reason: "x", LastTransitionTime: metav1.Now()}}
	_, err := client().TrafficReplays(namespace).UpdateStatus(t.Context(), replay, metav1.UpdateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "status.conditions[0].status") {
		t.Errorf("error %v", err)
	}
}

func TestImmutableSpecs(t *testing.T) {
	ctx := t.Context()
	name := createSnapshot(t, "fixed")
	snapshot, err := client().TrafficSnapshots(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Spec.Last = &metav1.Duration{Duration: time.Hour}
	_, err = client().TrafficSnapshots(namespace).Update(ctx, snapshot, metav1.UpdateOptions{})
	expectInvalid(t, err, "spec: Forbidden: is immutable")

	replay := createReplay(t, newReplay("fixed", name))
	replay.Spec.BuildTag = "other"
	_, err = client().TrafficReplays(namespace).Update(ctx, replay, metav1.UpdateOptions{})
	expectInvalid(t, err, "spec: Forbidden: is immutable")

	environment, err := client().Environments(namespace).Create(ctx, newEnvironment("fixed", name), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "fixed", client().Environments(namespace).Delete)
	environment.Spec.Workloads[0].Containers = []v1alpha1.ContainerOverride{{Name: "app", Image: "other"}}
	_, err = client().Environments(namespace).Update(ctx, environment, metav1.UpdateOptions{})
	expectInvalid(t, err, "spec: Forbidden: is immutable")

	capture, err := client().TrafficCaptures(namespace).Create(ctx, newCapture("fixed"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "fixed", client().TrafficCaptures(namespace).Delete)
	capture.Spec.WorkloadRef.Name = "pair"
	_, err = client().TrafficCaptures(namespace).Update(ctx, capture, metav1.UpdateOptions{})
	expectInvalid(t, err, "spec.workloadRef: Forbidden: is immutable")
	capture.Spec.WorkloadRef.Name = "front"
	capture.Spec.Ports = []int32{9898}
	capture, err = client().TrafficCaptures(namespace).Update(ctx, capture, metav1.UpdateOptions{})
	if err != nil || capture.Generation != 2 {
		t.Errorf("changing the ports: generation %d, error %v", capture.Generation, err)
	}
}

func expectInvalid(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !apierrors.IsInvalid(err) {
		t.Errorf("error %v is not of the reason Invalid", err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func TestServerSideApply(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	snapshot := createSnapshot(t, "applied")
	user := metav1.ApplyOptions{FieldManager: "user"}
	spec := apply.TrafficReplay("applied", namespace).WithSpec(apply.TrafficReplaySpec().WithSnapshotName(snapshot).
		WithProfile(apply.ReplayProfileSpec().WithGoals(apply.Goal().WithName("same").WithExpression("summary.differing == 0"))))
	replay, err := c.Apply(ctx, spec, user)
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "applied", c.Delete)

	status := apply.TrafficReplay("applied", namespace).WithStatus(apply.TrafficReplayStatus().WithEnvironmentName("e"))
	if _, err := c.ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: "controller"}); err != nil {
		t.Fatal(err)
	}
	again, err := c.Apply(ctx, spec, user)
	if err != nil {
		t.Fatalf("applying the same again: %v", err)
	}
	if again.Generation != replay.Generation || again.Status.EnvironmentName != "e" {
		t.Errorf("applying the same again gave generation %d and status %+v", again.Generation, again.Status)
	}
	extracted, err := apply.ExtractTrafficReplay(again, "user")
	if err != nil || extracted.Spec == nil || *extracted.Spec.SnapshotName != snapshot || extracted.Spec.Mode != nil {
		t.Errorf("the user is taken to own %+v, error %v", extracted.Spec, err)
	}

	other := apply.ReplayProfile("applied", namespace).WithSpec(apply.ReplayProfileSpec().WithLoad(apply.LoadProfile().WithSpeed("2")))
	profiles := client().ReplayProfiles(namespace)
	if _, err := profiles.Apply(ctx, other, user); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "applied", profiles.Delete)
	other.Spec.Load.WithSpeed("3")
	if _, err := profiles.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "rival"}); !apierrors.IsConflict(err) {
		t.Errorf("taking another's field: %v", err)
	}
}

// What the server writes into the spec of an environment does not hinder applying its manifest again.
func TestEnvironmentCanBeAppliedAgain(t *testing.T) {
	ctx, c := t.Context(), client().Environments(namespace)
	manifest := apply.Environment("again", namespace).WithSpec(apply.EnvironmentSpec().WithSnapshotName(createSnapshot(t, "again")).
		WithWorkloads(apply.EnvironmentWorkload().WithRef(apply.WorkloadReference().WithName("front")).
			WithContainers(apply.ContainerOverride().WithImage("example.com/app:2"))))
	class := newClass("again")
	class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
	createClass(t, class)
	options := metav1.ApplyOptions{FieldManager: "user"}
	first, err := c.Apply(ctx, manifest, options)
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "again", c.Delete)
	second, err := c.Apply(ctx, manifest, options)
	if err != nil {
		t.Fatal(err)
	}
	if second.Generation != 1 || second.Spec.ClassName != "again" || second.Spec.Workloads[0].Template == nil ||
		second.Spec.Workloads[0].Containers[0].Name != "app" || second.UID != first.UID {
		t.Errorf("applying again gave %+v", second)
	}
	second.Spec.Workloads[0].Template = nil
	third, err := c.Update(ctx, second, metav1.UpdateOptions{})
	if err != nil || third.Spec.Workloads[0].Template == nil {
		t.Errorf("an update without the template: %v", err)
	}
}
