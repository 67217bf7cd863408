// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

// What a third party may expect of the fake clients, shown with the kind whose plural client-go does not guess.
func TestFakesHoldWhatTheyAreGiven(t *testing.T) {
	client := fake.NewClientset(
		&v1alpha1.TrafficReplay{ObjectMeta: metav1.ObjectMeta{Name: "given", Namespace: namespace}, Spec: v1alpha1.TrafficReplaySpec{SnapshotName: "monday"}},
		&v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: "small"}},
	)
	replays := client.ReplayV1alpha1().TrafficReplays(namespace)
	list, err := replays.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Spec.SnapshotName != "monday" {
		t.Errorf("the list is %+v, error %v", list, err)
	}
	if _, err := client.ReplayV1alpha1().EnvironmentClasses().Get(t.Context(), "small", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := replays.Get(t.Context(), "other", metav1.GetOptions{}); !apierrors.IsNotFound(err) || err.Error() != `trafficreplays.replay.restage.dev "other" not found` {
		t.Errorf("the error is %v", err)
	}
	patched, err := replays.Patch(t.Context(), "given", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	if err != nil || patched.Labels["a"] != "b" {
		t.Errorf("a patch gave %+v, error %v", patched, err)
	}
	if err := replays.Delete(t.Context(), "given", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := replays.Get(t.Context(), "given", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after the deletion: %v", err)
	}
}

func TestFakesKnowWhoOwnsWhat(t *testing.T) {
	replays := fake.NewClientset().ReplayV1alpha1().TrafficReplays(namespace)
	first := metav1.ApplyOptions{FieldManager: "first"}
	goal := func(name, expression string) *apply.GoalApplyConfiguration {
		return apply.Goal().WithName(name).WithExpression(expression)
	}
	mine := apply.TrafficReplay("run", namespace).WithSpec(apply.TrafficReplaySpec().WithSnapshotName("monday").
		WithProfile(apply.ReplayProfileSpec().WithGoals(goal("same", "summary.differing == 0"))))
	if _, err := replays.Apply(t.Context(), mine, first); err != nil {
		t.Fatal(err)
	}
	others := apply.TrafficReplay("run", namespace).WithSpec(apply.TrafficReplaySpec().
		WithProfile(apply.ReplayProfileSpec().WithGoals(goal("fast", "summary.replayed.p99 < 1"))))
	replay, err := replays.Apply(t.Context(), others, metav1.ApplyOptions{FieldManager: "second"})
	if err != nil || len(replay.Spec.Profile.Goals) != 2 {
		t.Fatalf("goals of two managers: %+v, error %v", replay.Spec, err)
	}
	extracted, err := apply.ExtractTrafficReplay(replay, "first")
	if err != nil || len(extracted.Spec.Profile.Goals) != 1 || *extracted.Spec.SnapshotName != "monday" {
		t.Errorf("the first owns %+v, error %v", extracted.Spec, err)
	}
	others.Spec.WithSnapshotName("tuesday")
	_, err = replays.Apply(t.Context(), others, metav1.ApplyOptions{FieldManager: "second"})
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), ".spec.snapshotName") {
		t.Errorf("taking another's field: %v", err)
	}
}
