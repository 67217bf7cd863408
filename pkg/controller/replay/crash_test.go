// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/report"
)

var errCrash = errors.New("crash")

// crash breaks the nth write of the controller, before or after it has taken effect.
type crash struct {
	at     int
	after  bool
	writes int
	armed  bool // only while the controller runs
}

func (c *crash) reactor(tracker clienttesting.ObjectTracker) clienttesting.ReactionFunc {
	react := clienttesting.ObjectReaction(tracker)
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		if !c.armed || !slices.Contains([]string{"create", "update", "patch", "delete"}, action.GetVerb()) {
			return false, nil, nil
		}
		c.writes++
		if c.writes != c.at {
			return false, nil, nil
		}
		if c.after {
			if action.GetVerb() == "create" {
				action.(clienttesting.CreateAction).GetObject().(metav1.Object).SetUID("made-before-the-crash")
			}
			if _, _, err := react(action); err != nil {
				return true, nil, err
			}
		}
		return true, nil, errCrash
	}
}

// TestCrashAtEveryWrite breaks off a whole replay at each write that the controller makes, with a new controller after it. The
// verdict and what is left must be the same.
func TestCrashAtEveryWrite(t *testing.T) {
	conn := controllertest.Forwarder(t, shop)
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			c := &crash{at: at, after: after}
			t.Run(fmt.Sprintf("after=%v/%d", after, at), func(t *testing.T) {
				w := &world{T: t, cluster: controllertest.New(), conn: conn, clock: clocktesting.NewFakePassiveClock(begun)}
				w.populate(v1alpha1.TrafficReplaySpec{}, recorded())
				w.cluster.Kube.PrependReactor("*", "*", c.reactor(w.cluster.Kube.Tracker()))
				w.cluster.Replay.PrependReactor("*", "*", c.reactor(w.cluster.Replay.Tracker()))
				w.wholeReplay(c)
				w.expect(v1alpha1.ReplayPassed, metav1.ConditionTrue, report.ReasonGoalsHold)
				w.expect(v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored)
				w.expectNothingLeft()
			})
			if c.writes < at { // there was no such write
				if at < 10 {
					t.Fatalf("a replay took only %d writes", c.writes)
				}
				break
			}
		}
	}
}

// wholeReplay steps with a restart each time, and has the rest of the cluster do its part in between.
func (w *world) wholeReplay(c *crash) {
	w.Helper()
	const enough = 30
	for range enough {
		c.armed = true
		_, err := w.step()
		c.armed = false
		if err != nil && !errors.Is(err, errCrash) {
			w.Fatal(err)
		}
		w.environmentUp("run")
		if w.job(jobEnded(batchv1.JobComplete)) {
			w.handOver(passingReport())
		}
		if w.condition(v1alpha1.ReplayRestored).Status == metav1.ConditionTrue {
			return
		}
	}
	w.Fatalf("the replay is not over after %d steps: %+v", enough, w.get().Status.Conditions)
}
