// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"io"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func TestNamespaceMustExist(t *testing.T) {
	profile := newProfile("lost")
	profile.Namespace = "nowhere"
	_, err := client().ReplayProfiles("nowhere").Create(t.Context(), profile, metav1.CreateOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("creating in a missing namespace: %v", err)
	}
}

func TestSelectReplaysByPhase(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	snapshot := createSnapshot(t, "phases")
	waiting, ended := createReplay(t, newReplay("waiting", snapshot)), createReplay(t, newReplay("ended", snapshot))
	if waiting.Status.Phase != v1alpha1.PhasePending {
		t.Errorf("a new replay is %q", waiting.Status.Phase)
	}
	setCondition(&ended.Status.Conditions, v1alpha1.ReplayComplete, metav1.ConditionTrue, "Ended")
	setCondition(&ended.Status.Conditions, v1alpha1.ReplayPassed, metav1.ConditionFalse, "GoalsFailed")
	ended.Status.Phase = v1alpha1.PhasePassed // not for a client to say
	ended, err := c.UpdateStatus(ctx, ended, metav1.UpdateOptions{})
	if err != nil || ended.Status.Phase != v1alpha1.PhaseFailed {
		t.Fatalf("the phase is %q, error %v", ended.Status.Phase, err)
	}
	for phase, want := range map[v1alpha1.ReplayPhase]string{v1alpha1.PhasePending: "waiting", v1alpha1.PhaseFailed: "ended"} {
		// of what is stored, and of the index of the watch cache
		for _, version := range []string{"", ended.ResourceVersion} {
			list, err := c.List(ctx, metav1.ListOptions{FieldSelector: v1alpha1.FieldPhase + "=" + string(phase), ResourceVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != 1 || list.Items[0].Name != want {
				t.Errorf("%s at %q: %v", phase, version, list.Items)
			}
		}
	}
	expectIndex(t, "trafficreplays", v1alpha1.FieldPhase)
}

// expectIndex looks in the metrics for a list that was found through an index, not by looking at every object.
func expectIndex(t *testing.T, resource, field string) {
	t.Helper()
	body, err := io.ReadAll(get(t, "/metrics", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, `resource="`+resource+`"`) && strings.Contains(line, `index="f:`+field+`"`) {
			return
		}
	}
	t.Errorf("no list of %s used the index of %s", resource, field)
}
