// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// applyAs applies what a manager wants of an object.
func (c *check) applyAs(t *testing.T, manager, name string, force bool, set func(*unstructured.Unstructured), subresources ...string) (*unstructured.Unstructured, error) {
	t.Helper()
	o := c.object(name)
	set(o)
	return c.objects.Apply(t.Context(), name, o, metav1.ApplyOptions{FieldManager: manager, Force: force}, subresources...)
}

// labelOnly leaves nothing but one label, so that the manager wants nothing else.
func labelOnly(key, value string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		delete(o.Object, "spec")
		labelled(key, value)(o)
	}
}

func (c *check) apply(t *testing.T) {
	c.removeLater(t, "apply")
	first, err := c.applyAs(t, "one", "apply", false, labelled("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if first.GetGeneration() != 1 || first.GetUID() == "" {
		t.Errorf("applying made %v", first.Object["metadata"])
	}
	again, err := c.applyAs(t, "one", "apply", false, labelled("a", "1"))
	if err != nil || again.GetResourceVersion() != first.GetResourceVersion() {
		t.Errorf("applying the same again made %v of version %s, error %v", shown(again), first.GetResourceVersion(), err)
	}
	_, err = c.applyAs(t, "two", "apply", false, labelOnly("a", "2"))
	wantError(t, "taking another's label", err, http.StatusConflict, `conflict with "one"`, ".metadata.labels.a")
	if c.kind.change != "" {
		_, err := c.applyAs(t, "one", "apply", false, func(o *unstructured.Unstructured) {
			labelled("a", "1")(o)
			c.merge(t, c.kind.change)(o)
		})
		if err != nil {
			t.Fatal(err)
		}
		changed := manifest(t, map[string]any{"spec": parse(c.kind.change)})
		if _, err := c.objects.Patch(t.Context(), "apply", types.ApplyPatchType, []byte(`{"apiVersion":"replay.restage.dev/v1alpha1","kind":"`+c.kind.name+`",`+changed[1:]),
			metav1.PatchOptions{FieldManager: "three"}); err != nil {
			t.Errorf("wanting what another wants: %v", err)
		}
	}
	bad := func(what string, code int, part, body, manager string) {
		t.Helper()
		_, err := c.objects.Patch(t.Context(), "apply", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: manager})
		wantError(t, what, err, code, part)
	}
	header := `{"apiVersion":"replay.restage.dev/v1alpha1","kind":"` + c.kind.name + `","metadata":`
	bad("no manager", http.StatusUnprocessableEntity, "fieldManager", header+`{"name":"apply"}}`, "")
	bad("no YAML", http.StatusBadRequest, "", "{", "one")
	bad("no kind", http.StatusBadRequest, "", "{}", "one")
	bad("another kind", http.StatusBadRequest, "", strings.Replace(header, c.kind.name, "Other", 1)+"{}}", "one")
	bad("another name", http.StatusBadRequest, "", header+`{"name":"other"}}`, "one")
	bad("managed fields", http.StatusBadRequest, "managedFields", header+`{"managedFields":[{"manager":"x"}]}}`, "one")
}

// owners returns who owns a field, as manager/operation/subresource. Fields are separated by slashes.
func owners(o *unstructured.Unstructured, path string) string {
	var all []string
	for _, entry := range o.GetManagedFields() {
		if entry.FieldsV1 != nil && owns(entry.FieldsV1.GetRawString(), strings.Split(path, "/")) {
			all = append(all, strings.TrimSuffix(entry.Manager+"/"+string(entry.Operation)+"/"+entry.Subresource, "/"))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// ownership of a field is taken by force, given up, and shared.
func (c *check) ownership(t *testing.T) {
	c.removeLater(t, "owned")
	apply := func(manager string, force bool, set func(*unstructured.Unstructured)) *unstructured.Unstructured {
		t.Helper()
		o, err := c.applyAs(t, manager, "owned", force, set)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	want := func(o *unstructured.Unstructured, path, expected string) {
		t.Helper()
		if got := owners(o, path); got != expected {
			t.Errorf("%s is owned by %q, want %q: %v", path, got, expected, o.GetManagedFields())
		}
	}
	o := apply("one", false, labelled("a", "1"))
	want(o, "metadata/labels/a", "one/Apply")
	want(o, "spec", "one/Apply")
	want(o, "status", "")
	o = apply("two", true, labelOnly("a", "2"))
	if o.GetLabels()["a"] != "2" {
		t.Errorf("by force the label became %q", o.GetLabels()["a"])
	}
	want(o, "metadata/labels/a", "two/Apply")
	want(o, "spec", "one/Apply")
	o = apply("three", false, labelOnly("a", "2"))
	want(o, "metadata/labels/a", "three/Apply two/Apply")
	o = apply("two", false, labelOnly("b", "2"))
	want(o, "metadata/labels/a", "three/Apply")
	want(o, "metadata/labels/b", "two/Apply")
	o = apply("three", false, labelOnly("c", "3"))
	if _, found := o.GetLabels()["a"]; found {
		t.Error("a label that nobody wants any more is still there")
	}
	want(o, "metadata/labels/c", "three/Apply")
	o.SetLabels(map[string]string{"b": "2", "c": "4"})
	o, err := c.objects.Update(t.Context(), o, metav1.UpdateOptions{FieldManager: "editor"})
	if err != nil {
		t.Fatal(err)
	}
	want(o, "metadata/labels/c", "editor/Update")
	_, err = c.applyAs(t, "three", "owned", false, labelOnly("c", "3"))
	wantError(t, "taking a label from an editor", err, http.StatusConflict, `conflict with "editor"`)
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{}})
	if o, err = c.objects.Update(t.Context(), o, metav1.UpdateOptions{}); err != nil || len(o.GetManagedFields()) > 1 {
		t.Errorf("resetting the ownership left %v, error %v", shown(o), err)
	}
}

// statusOwnership: the status belongs to who applies it through its subresource, the rest to who applies the object.
func (c *check) statusOwnership(t *testing.T) {
	if c.kind.status == "" {
		return
	}
	c.removeLater(t, "status-owned")
	withStatus := func(i int) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			labelled("a", "1")(o)
			o.Object["status"] = map[string]any{c.kind.status: c.kind.values[i]}
		}
	}
	o, err := c.applyAs(t, "user", "status-owned", false, withStatus(0))
	if err != nil {
		t.Fatal(err)
	}
	if got := owners(o, "status"); got != "" {
		t.Errorf("the status that a user applied is owned by %q", got)
	}
	o, err = c.applyAs(t, "controller", "status-owned", false, func(o *unstructured.Unstructured) {
		withStatus(1)(o)
		o.SetLabels(map[string]string{"a": "2"})
	}, "status")
	if err != nil {
		t.Fatalf("applying the status: %v", err)
	}
	field := "status/" + c.kind.status
	if got := owners(o, field); got != "controller/Apply/status" {
		t.Errorf("%s is owned by %q", field, got)
	}
	if got := owners(o, "metadata/labels/a") + ", " + owners(o, "spec"); got != "user/Apply, user/Apply" || o.GetLabels()["a"] != "1" {
		t.Errorf("after an apply of the status label and spec are owned by %q, the label is %q", got, o.GetLabels()["a"])
	}
	_, err = c.applyAs(t, "rival", "status-owned", false, withStatus(0), "status")
	if !apierrors.IsConflict(err) {
		t.Errorf("taking a field of the status: %v", err)
	}
	if _, err := c.applyAs(t, "user", "status-owned", false, withStatus(0)); err != nil {
		t.Errorf("the user's apply: %v", err)
	}
	o = c.read(t, "status-owned")
	if value := c.statusOf(o); value != c.kind.values[1] {
		t.Errorf("%s is %v after the user's apply, want %v", field, value, c.kind.values[1])
	}
}
