// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
)

// The apply configurations are what our own controllers and others' write with.
func TestApplyConfigurationsExtractWhatIsOwned(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	snapshot := createSnapshot(t, "applied")
	user := metav1.ApplyOptions{FieldManager: "user"}
	spec := apply.TrafficReplay("applied", namespace).WithSpec(apply.TrafficReplaySpec().WithSnapshotName(snapshot).
		WithProfile(apply.ReplayProfileSpec().WithGoals(apply.Goal().WithName("same").WithExpression("summary.differing == 0"))))
	if _, err := c.Apply(ctx, spec, user); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "applied", c.Delete)
	status := apply.TrafficReplay("applied", namespace).WithStatus(apply.TrafficReplayStatus().WithEnvironmentName("e").WithPhase(v1alpha1.PhasePassed))
	replay, err := c.ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: "controller"})
	if err != nil {
		t.Fatal(err)
	}
	extracted, err := apply.ExtractTrafficReplay(replay, "user")
	if err != nil || extracted.Spec == nil || *extracted.Spec.SnapshotName != snapshot || extracted.Spec.Mode != nil || extracted.Status != nil {
		t.Errorf("the user is taken to own %+v, error %v", extracted.Spec, err)
	}
	extracted, err = apply.ExtractTrafficReplayStatus(replay, "controller")
	if err != nil || extracted.Status == nil || *extracted.Status.EnvironmentName != "e" || extracted.Status.Phase != nil {
		t.Errorf("the controller is taken to own %+v, error %v", extracted.Status, err)
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
