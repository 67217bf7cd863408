// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// limited makes a class that allows two replays of a workload at once, and returns a replay in it.
func limited(t *testing.T, class string) func(name string) *v1alpha1.TrafficReplay {
	t.Helper()
	c := newClass(class)
	c.Spec.MaxTimeout = &metav1.Duration{Duration: time.Minute}
	c.Spec.Limits = &v1alpha1.EnvironmentLimits{MaxConcurrentReplaysPerWorkload: ptr.To[int32](2), MaxWorkloads: ptr.To[int32](1), MaxSpeed: "2"}
	createClass(t, c)
	snapshot := createSnapshot(t, class)
	return func(name string) *v1alpha1.TrafficReplay {
		replay := newReplay(name, snapshot)
		replay.Spec.Timeout = &metav1.Duration{Duration: time.Minute}
		replay.Spec.Environment = &v1alpha1.ReplayEnvironment{Template: &v1alpha1.ReplayEnvironmentTemplate{ClassName: class}}
		return replay
	}
}

func TestLimitsOfAClass(t *testing.T) {
	replay := limited(t, "tight")("greedy")
	replay.Spec.Timeout = &metav1.Duration{Duration: 2 * time.Minute}
	replay.Spec.Profile = &v1alpha1.ReplayProfileSpec{Load: v1alpha1.LoadProfile{Speed: "2.5"}}
	_, err := client().TrafficReplays(namespace).Create(t.Context(), replay, dryRun)
	if !apierrors.IsForbidden(err) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{
		`spec.timeout: exceeded limit: maxTimeout of EnvironmentClass "tight", requested: 2m0s, limited: 1m0s`,
		`spec.profile.load.speed: exceeded limit: maxSpeed of EnvironmentClass "tight", requested: 2.5, limited: 2`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

// TestRaisedLimitHoldsAtOnce: what the server's cache has may be a moment old, and no replay is refused for that.
func TestRaisedLimitHoldsAtOnce(t *testing.T) {
	next := limited(t, "rising")
	classes := client().EnvironmentClasses()
	for minutes := range time.Duration(20) {
		class, err := classes.Get(t.Context(), "rising", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		limit := (minutes + 2) * time.Minute
		class.Spec.MaxTimeout = &metav1.Duration{Duration: limit}
		if _, err := classes.Update(t.Context(), class, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		replay := next("longer")
		replay.Spec.Timeout = &metav1.Duration{Duration: limit}
		if _, err := client().TrafficReplays(namespace).Create(t.Context(), replay, dryRun); err != nil {
			t.Fatalf("with a limit of %v: %v", limit, err)
		}
	}
}

// TestLoweredLimitHoldsAtOnce: nor does one pass for that, as long as the class was changed through the same server.
func TestLoweredLimitHoldsAtOnce(t *testing.T) {
	next := limited(t, "falling")
	classes := client().EnvironmentClasses()
	for seconds := range time.Duration(20) {
		class, err := classes.Get(t.Context(), "falling", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		before := class.Spec.MaxTimeout.Duration
		class.Spec.MaxTimeout = &metav1.Duration{Duration: time.Minute - (seconds+1)*time.Second}
		if _, err := classes.Update(t.Context(), class, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		replay := next("longer")
		replay.Spec.Timeout = &metav1.Duration{Duration: before}
		if _, err := client().TrafficReplays(namespace).Create(t.Context(), replay, dryRun); !apierrors.IsForbidden(err) {
			t.Fatalf("%v with a limit of %v: error %v", before, class.Spec.MaxTimeout.Duration, err)
		}
	}
}

// TestConcurrentReplaysOfAWorkload creates many at once through the server: exactly as many as the limit allows are stored.
func TestConcurrentReplaysOfAWorkload(t *testing.T) {
	next := limited(t, "crowded")
	c := client().TrafficReplays(namespace)
	var admitted, refused atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		name := fmt.Sprint("crowded-", i)
		deleteLater(t, name, c.Delete)
		group.Go(func() {
			_, err := c.Create(t.Context(), next(name), metav1.CreateOptions{})
			switch {
			case err == nil:
				admitted.Add(1)
			case apierrors.IsForbidden(err) && strings.Contains(err.Error(), `Deployment "front", requested: 1, used: `):
				refused.Add(1)
			default:
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	group.Wait()
	if admitted.Load() != 2 || refused.Load() != 18 {
		t.Fatalf("%d were admitted, %d refused", admitted.Load(), refused.Load())
	}
	list, err := c.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.snapshotName=crowded"})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("stored are %v, error %v", list, err)
	}
	ended := &list.Items[0]
	setCondition(&ended.Status.Conditions, v1alpha1.ReplayComplete, metav1.ConditionTrue, "Passed")
	if _, err := c.UpdateStatus(t.Context(), ended, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	createReplay(t, next("crowded-after"))
}
