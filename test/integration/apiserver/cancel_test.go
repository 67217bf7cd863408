// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// cancelRequest returns the condition of a replay that asks for its end, nil when there is none.
func cancelRequest(t *testing.T, name string) *metav1.Condition {
	t.Helper()
	replay, err := client().TrafficReplays(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayCancelRequested)
}

func TestCancelAsksForTheEnd(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	created := createReplay(t, newReplay("cancelled", createSnapshot(t, "cancelled")))
	wanted := &v1alpha1.ReplayCancellation{Reason: "the build was withdrawn"}

	if _, err := c.Cancel(ctx, "cancelled", wanted, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatal(err)
	}
	if condition := cancelRequest(t, "cancelled"); condition != nil {
		t.Errorf("a dry run left %+v", condition)
	}

	answer, err := c.Cancel(ctx, "cancelled", wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Name != "cancelled" || answer.Namespace != namespace || answer.Reason != wanted.Reason || answer.ManagedFields != nil {
		t.Errorf("the answer is %+v", answer)
	}
	first := cancelRequest(t, "cancelled")
	if first == nil || first.Status != metav1.ConditionTrue || first.Reason != v1alpha1.ReasonCancelRequested ||
		!strings.HasSuffix(first.Message, ": the build was withdrawn") || first.ObservedGeneration != created.Generation {
		t.Fatalf("the condition is %+v", first)
	}

	if _, err := c.Cancel(ctx, "cancelled", &v1alpha1.ReplayCancellation{Reason: "again"}, metav1.CreateOptions{}); err != nil {
		t.Fatalf("cancelling again: %v", err)
	}
	if again := cancelRequest(t, "cancelled"); again == nil || *again != *first {
		t.Errorf("cancelling again changed %+v to %+v", first, again)
	}
}

// kubectl create --raw posts what it is given as it is.
func TestCancelWithoutFields(t *testing.T) {
	createReplay(t, newReplay("bare", createSnapshot(t, "bare")))
	err := server.Client.ReplayV1alpha1().RESTClient().Post().AbsPath(base+"/trafficreplays/bare/cancel").
		SetHeader("Content-Type", "application/json").Body([]byte("{}")).Do(t.Context()).Error()
	if err != nil {
		t.Fatal(err)
	}
	if condition := cancelRequest(t, "bare"); condition == nil || !strings.HasSuffix(condition.Message, "asked for the end of the replay") {
		t.Errorf("the condition is %+v", condition)
	}
}

func TestEndedReplayCannotBeCancelled(t *testing.T) {
	ctx, c := t.Context(), client().TrafficReplays(namespace)
	replay := createReplay(t, newReplay("ended", createSnapshot(t, "ended")))
	meta.SetStatusCondition(&replay.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ReplayComplete, Status: metav1.ConditionTrue, Reason: "GoalsHold", Message: "every goal holds",
	})
	if _, err := c.UpdateStatus(ctx, replay, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Cancel(ctx, "ended", &v1alpha1.ReplayCancellation{}, metav1.CreateOptions{})
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), "has ended already: GoalsHold: every goal holds") {
		t.Errorf("error %v", err)
	}
	if condition := cancelRequest(t, "ended"); condition != nil {
		t.Errorf("the condition is %+v", condition)
	}
}

func TestBadCancellationsAreRefused(t *testing.T) {
	createReplay(t, newReplay("kept", createSnapshot(t, "kept")))
	for name, test := range map[string]struct {
		path, body string
		code       int
		want       string
	}{
		"unknown replay": {"none", `{}`, http.StatusNotFound, `"none" not found`},
		"other name":     {"kept", `{"metadata":{"name":"other"}}`, http.StatusBadRequest, `metadata.name: "other" is not the name of the replay, "kept"`},
		"other kind":     {"kept", `{"apiVersion":"replay.restage.dev/v1alpha1","kind":"TrafficReplay"}`, http.StatusBadRequest, "TrafficReplay"},
		"unknown field":  {"kept", `{"why":"x"}`, http.StatusBadRequest, `unknown field "why"`},
		"long reason":    {"kept", `{"reason":"` + strings.Repeat("x", 1025) + `"}`, http.StatusUnprocessableEntity, "reason: Too long"},
	} {
		t.Run(name, func(t *testing.T) {
			err := server.Client.ReplayV1alpha1().RESTClient().Post().AbsPath(base+"/trafficreplays/"+test.path+"/cancel").
				Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body([]byte(test.body)).Do(t.Context()).Error()
			status, ok := err.(apierrors.APIStatus)
			if !ok || int(status.Status().Code) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %d with %q", err, test.code, test.want)
			}
		})
	}
	if condition := cancelRequest(t, "kept"); condition != nil {
		t.Errorf("the condition is %+v", condition)
	}
}
