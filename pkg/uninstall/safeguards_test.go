// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Where a proxy is left in a template the policies stay by which it stands in nobody's way, and it is said.
func TestSafeguardsStayWithAProxy(t *testing.T) {
	c := dead(t)
	o := Options{Timeout: time.Second} // without the rescue a proxy from a manifest is left
	plan, err := Survey(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Remove(t.Context(), c, o, plan, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Deployment shop/front", "MutatingAdmissionPolicy " + wiring.PodLimits, "MutatingAdmissionPolicyBinding " + wiring.PodLimits}
	if !slices.Equal(names(result.Left), want) {
		t.Errorf("left are %v, want %v", names(result.Left), want)
	}
	if slices.ContainsFunc(names(result.Removed), func(name string) bool { return strings.Contains(name, wiring.PodLimits) }) {
		t.Errorf("removed are %v", names(result.Removed))
	}
}

// Where pods are made from a former template they stay as well, and go with the next removal after its owner has let go of it.
func TestSafeguardsStayWithAFormerTemplate(t *testing.T) {
	c := dead(t)
	addedAtCreation(t, c)
	back, err := c.Kube.AppsV1().Deployments("shop").Get(t.Context(), "back", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := c.Kube.AppsV1().ReplicaSets("shop").Get(t.Context(), "back-5d9", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	back.Spec.Paused, set.Spec.Template.Spec = true, injected().Spec.Template.Spec
	write := func() {
		if _, err := c.Kube.AppsV1().Deployments("shop").Update(t.Context(), back, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Kube.AppsV1().ReplicaSets("shop").Update(t.Context(), set, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	rescue := Options{Rescue: true, Timeout: time.Second}
	_, result := removed(t, c, rescue)
	if want := []string{"Deployment shop/back", "MutatingAdmissionPolicy " + wiring.PodLimits, "MutatingAdmissionPolicyBinding " + wiring.PodLimits}; !slices.Equal(names(result.Left), want) {
		t.Errorf("left are %v, want %v", names(result.Left), want)
	}

	if err := c.Kube.CoreV1().Pods("shop").Delete(t.Context(), "back-5d9-a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	plan, err := Survey(t.Context(), c, Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Blockers, func(o Object) bool {
		return o.Name == "back" && strings.Contains(o.Reason, "it makes pods with the recording proxy from a former template: kubectl -n shop rollout resume")
	}) {
		t.Errorf("without a pod of it in the way are %v", plan.Blockers)
	}
	back.Spec.Paused = false
	write()
	_, result = removed(t, c, rescue)
	if want := []string{"MutatingAdmissionPolicy " + wiring.PodLimits, "MutatingAdmissionPolicyBinding " + wiring.PodLimits}; len(result.Left) > 0 || !slices.Equal(names(result.Removed), want) {
		t.Errorf("then left are %v, removed %v, want %v", result.Left, names(result.Removed), want)
	}
}
