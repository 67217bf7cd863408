// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// status: a write of the object leaves the status alone, a write of the status everything else.
func (c *check) status(t *testing.T) {
	created := c.make(t, "status", labelled("a", "1"))
	if c.kind.status == "" {
		c.send(t, request{path: "/status/status"}).want(t, "a status that is none", http.StatusNotFound)
		return
	}
	forged := created.DeepCopy()
	forged.Object["status"] = map[string]any{c.kind.status: c.kind.values[0]}
	forged.SetAnnotations(map[string]string{"a": "1"})
	updated, err := c.objects.Update(t.Context(), forged, metav1.UpdateOptions{})
	if err != nil || c.statusOf(updated) != nil || updated.GetAnnotations()["a"] != "1" {
		t.Errorf("an update of the object made %v, error %v", shown(updated), err)
	}

	wanted := updated.DeepCopy()
	wanted.Object["status"] = map[string]any{c.kind.status: c.kind.values[0]}
	wanted.SetLabels(map[string]string{"a": "2"})
	wanted.SetAnnotations(nil)
	wanted.SetFinalizers([]string{"restage.dev/test"})
	wanted.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"}})
	c.merge(t, c.kind.bad)(wanted)
	updated, err = c.objects.UpdateStatus(t.Context(), wanted, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.statusOf(updated) != c.kind.values[0] {
		t.Errorf("the status became %v", updated.Object["status"])
	}
	if updated.GetLabels()["a"] != "1" || updated.GetAnnotations()["a"] != "1" || len(updated.GetFinalizers())+len(updated.GetOwnerReferences()) > 0 ||
		manifest(t, updated.Object["spec"]) != manifest(t, created.Object["spec"]) || updated.GetGeneration() != 1 {
		t.Errorf("a write of the status made %v", updated.Object)
	}

	patched, err := c.patch(t, types.MergePatchType, "status", c.statusPatch(t, 1), "status")
	if err != nil || c.statusOf(patched) != c.kind.values[1] {
		t.Errorf("a patch of the status: %v", err)
	}
	patched, err = c.patch(t, types.MergePatchType, "status", c.statusPatch(t, 0))
	if err != nil || c.statusOf(patched) != c.kind.values[1] {
		t.Errorf("a patch of the object made %v, error %v", shown(patched), err)
	}
	read, err := c.objects.Get(t.Context(), "status", metav1.GetOptions{}, "status")
	if err != nil || c.statusOf(read) != c.kind.values[1] || read.GetKind() != c.kind.name {
		t.Errorf("reading the status: %v", err)
	}
	if _, err := c.objects.UpdateStatus(t.Context(), wanted, metav1.UpdateOptions{}); err == nil {
		t.Error("an old version of the status was taken")
	}
	_, err = c.patch(t, types.MergePatchType, "status", `{"status":{"conditions":[{"type":"Ready","status":"Perhaps"}]}}`, "status")
	wantError(t, "a bad condition", err, http.StatusUnprocessableEntity, "status.conditions[0].status", "Perhaps")
	c.send(t, request{method: http.MethodDelete, path: "/status/status"}).want(t, "deleting the status", http.StatusMethodNotAllowed)
}

// statusOf is the field of the status that the table of kinds names.
func (c *check) statusOf(o *unstructured.Unstructured) any {
	value, _, _ := unstructured.NestedFieldNoCopy(o.Object, "status", c.kind.status)
	return value
}
