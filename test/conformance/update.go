// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func (c *check) update(t *testing.T) {
	created := c.make(t, "update", labelled("a", "0"))
	change := func(base *unstructured.Unstructured, set func(*unstructured.Unstructured)) (*unstructured.Unstructured, error) {
		o := base.DeepCopy()
		set(o)
		return c.objects.Update(t.Context(), o, metav1.UpdateOptions{})
	}
	updated, err := change(created, labelled("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if updated.GetResourceVersion() == created.GetResourceVersion() || updated.GetUID() != created.GetUID() || updated.GetLabels()["a"] != "1" {
		t.Errorf("updated to %v", updated.Object["metadata"])
	}
	same, err := change(updated, func(*unstructured.Unstructured) {})
	if err != nil || same.GetResourceVersion() != updated.GetResourceVersion() {
		t.Errorf("an update that changes nothing made %v of version %s, error %v", shown(same), updated.GetResourceVersion(), err)
	}
	if _, err := change(created, labelled("a", "2")); !apierrors.IsConflict(err) {
		t.Errorf("updating an old version: %v", err)
	}
	if _, err := change(updated, func(o *unstructured.Unstructured) { o.SetUID("other") }); !apierrors.IsConflict(err) {
		t.Errorf("updating an object of another uid: %v", err)
	}
	// As with built-in resources, an update that names no version overwrites what is there.
	whole := c.object("update")
	whole.SetLabels(map[string]string{"a": "3"})
	if blind, err := c.objects.Update(t.Context(), whole, metav1.UpdateOptions{}); err != nil || blind.GetLabels()["a"] != "3" || blind.GetUID() != created.GetUID() {
		t.Errorf("an update without a version: %v", err)
	}
	missing := c.object("missing")
	_, err = c.objects.Update(t.Context(), missing, metav1.UpdateOptions{})
	wantError(t, "updating what is not there", err, http.StatusNotFound, "missing")
	for field, set := range map[string]func(*unstructured.Unstructured){
		"metadata.labels": labelled("a", "not valid"),
		c.kind.badField:   c.merge(t, c.kind.bad),
	} {
		_, err := change(c.read(t, "update"), set)
		wantError(t, "a bad "+field, err, http.StatusUnprocessableEntity, field)
	}
	creation := func(o *unstructured.Unstructured) { o.SetCreationTimestamp(metav1.Time{}) }
	if kept, err := change(c.read(t, "update"), creation); err != nil || born(kept) != born(created) {
		t.Errorf("the creation time became %v, error %v", shown(kept), err)
	}
}

// merge returns a change of the spec.
func (c *check) merge(t *testing.T, change string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		spec, ok := o.Object["spec"].(map[string]any)
		if !ok {
			t.Fatalf("the spec is %v", o.Object["spec"])
		}
		for key, value := range parse(change) {
			spec[key] = value
		}
	}
}

// generation counts the changes of the spec, and only those.
func (c *check) generation(t *testing.T) {
	o := c.make(t, "generation")
	want := int64(1)
	step := func(what, patch string, subresources ...string) {
		t.Helper()
		var err error
		if o, err = c.patch(t, types.MergePatchType, "generation", patch, subresources...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if o.GetGeneration() != want {
			t.Errorf("%s: generation %d, want %d", what, o.GetGeneration(), want)
		}
	}
	step("a label", `{"metadata":{"labels":{"a":"1"}}}`)
	step("a forged generation", `{"metadata":{"generation":9}}`)
	if c.kind.status != "" {
		step("the status", c.statusPatch(t, 0), "status")
	}
	if c.kind.change == "" {
		return
	}
	spec := manifest(t, parse(c.kind.change))
	want = 2
	step("the spec", `{"spec":`+spec+`}`)
	step("the same spec", `{"spec":`+spec+`}`)
}

// statusPatch is a merge patch with one of the two values of the status.
func (c *check) statusPatch(t *testing.T, i int) string {
	t.Helper()
	return manifest(t, map[string]any{"status": map[string]any{c.kind.status: c.kind.values[i]}})
}

func (c *check) patches(t *testing.T) {
	created := c.make(t, "patch", labelled("a", "0"))
	for kind, patch := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op":"test","path":"/metadata/labels/a","value":"0"},{"op":"add","path":"/metadata/labels/b","value":"json"}]`,
		types.MergePatchType:          `{"metadata":{"labels":{"b":"merge"}}}`,
		types.StrategicMergePatchType: `{"metadata":{"labels":{"b":"strategic"}}}`,
	} {
		patched, err := c.patch(t, kind, "patch", patch)
		if err != nil || patched.GetLabels()["a"] != "0" || patched.GetLabels()["b"] == "" || patched.GetUID() != created.GetUID() {
			t.Errorf("%s: %v", kind, err)
		}
	}
	removed, err := c.patch(t, types.MergePatchType, "patch", `{"metadata":{"labels":{"b":null}}}`)
	if err != nil || len(removed.GetLabels()) != 1 {
		t.Errorf("taking out a label left %v, error %v", shown(removed), err)
	}
	bad := manifest(t, map[string]any{"spec": parse(c.kind.bad)})
	for what, test := range map[string]struct {
		kind  types.PatchType
		patch string
		code  int
		part  string
	}{
		"failed test":         {types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/a","value":"9"}]`, http.StatusUnprocessableEntity, ""},
		"missing path":        {types.JSONPatchType, `[{"op":"remove","path":"/metadata/labels/z"}]`, http.StatusUnprocessableEntity, ""},
		"no JSON patch":       {types.JSONPatchType, `{"op":"remove"}`, http.StatusBadRequest, ""},
		"no JSON":             {types.MergePatchType, `{`, http.StatusBadRequest, ""},
		"old version":         {types.MergePatchType, fmt.Sprintf(`{"metadata":{"resourceVersion":%q,"labels":{"a":"9"}}}`, created.GetResourceVersion()), http.StatusConflict, ""},
		"another uid":         {types.MergePatchType, `{"metadata":{"uid":"other"}}`, http.StatusUnprocessableEntity, "metadata.uid"},
		"another name":        {types.MergePatchType, `{"metadata":{"name":"other"}}`, http.StatusBadRequest, ""},
		"a bad label":         {types.MergePatchType, `{"metadata":{"labels":{"a":"not valid"}}}`, http.StatusUnprocessableEntity, "metadata.labels"},
		"a bad spec":          {types.MergePatchType, bad, http.StatusUnprocessableEntity, c.kind.badField},
		"a spec of no object": {types.MergePatchType, `{"spec":3}`, http.StatusUnprocessableEntity, ""},
	} {
		_, err := c.patch(t, test.kind, "patch", test.patch)
		wantError(t, what, err, test.code, test.part)
	}
	_, err = c.patch(t, types.MergePatchType, "missing", "{}")
	wantError(t, "patching what is not there", err, http.StatusNotFound, "missing")
}
