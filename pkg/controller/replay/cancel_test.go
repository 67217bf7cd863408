// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// cancel does what the API server does to a replay whose end somebody asks for.
func (w *world) cancel() {
	w.Helper()
	replay := w.get()
	meta.SetStatusCondition(&replay.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ReplayCancelRequested, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonCancelRequested,
		Message: "ann asked for the end of the replay: withdrawn", ObservedGeneration: replay.Generation,
	})
	if err := w.cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("trafficreplays"), replay, shop); err != nil {
		w.Fatal(err)
	}
}

// A replay ends wherever it is when somebody asks for it.
func TestCancelEndsAndClearsUp(t *testing.T) {
	for name, reach := range map[string]func(*world){
		"before it was taken up": func(*world) {},
		"while its environment is built": func(w *world) {
			w.mustStep(3)
		},
		"while it replays": func(w *world) {
			w.mustStep(3)
			w.environmentUp("run")
			w.mustStep(1)
			if !w.job(jobRunning()) {
				w.Fatal("there is no generator")
			}
			w.mustStep(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, v1alpha1.TrafficReplaySpec{}, recorded())
			reach(w)
			w.cancel()
			w.until(4)
			w.expect(v1alpha1.ReplayComplete, metav1.ConditionTrue, v1alpha1.ReasonCancelled)
			w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, v1alpha1.ReasonCancelled)
			if message := w.condition(v1alpha1.ReplayPassed).Message; message != "ann asked for the end of the replay: withdrawn" {
				t.Errorf("the message is %q", message)
			}
			w.mustStep(2)
			w.expect(v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored)
			w.expectNothingLeft()
		})
	}
}

// What is to be kept is kept, but nothing more is sent to it.
func TestCancelStopsTheGeneratorOfAKeptEnvironment(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{Cleanup: v1alpha1.CleanupKeep}, recorded())
	w.mustStep(3)
	w.environmentUp("run")
	w.mustStep(1)
	w.job(jobRunning())
	w.cancel()
	w.until(1)
	w.mustStep(1)
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonKept)
	if _, err := w.cluster.Kube.BatchV1().Jobs(shop).Get(t.Context(), "run-generator", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the generator is still there: %v", err)
	}
	if !w.environmentUp("run") {
		t.Error("the environment was deleted")
	}
}
