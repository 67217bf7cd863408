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

// dryRun of each verb answers as the verb itself would, and changes nothing.
func (c *check) dryRun(t *testing.T) {
	c.make(t, "dry", labelled("a", "0"))
	before := c.read(t, "dry")
	ctx := t.Context()
	created, err := c.objects.Create(ctx, c.object("dry-new"), metav1.CreateOptions{DryRun: dryRunAll})
	if err != nil || created.GetUID() == "" || created.GetGeneration() != 1 {
		t.Errorf("create: %v", err)
	}
	generated := c.object("")
	generated.SetGenerateName("dry-")
	if created, err = c.objects.Create(ctx, generated, metav1.CreateOptions{DryRun: dryRunAll}); err != nil || created.GetName() == "" {
		t.Errorf("create with a generated name: %v", err)
	}
	_, err = c.objects.Create(ctx, c.object("dry"), metav1.CreateOptions{DryRun: dryRunAll})
	wantError(t, "create of what is there", err, http.StatusConflict)

	showsLabel := func(verb string, o *unstructured.Unstructured, err error) {
		t.Helper()
		if err != nil || o.GetLabels()["a"] != "1" {
			t.Errorf("%s: %v", verb, err)
		}
	}
	changed := before.DeepCopy()
	changed.SetLabels(map[string]string{"a": "1"})
	o, err := c.objects.Update(ctx, changed, metav1.UpdateOptions{DryRun: dryRunAll})
	showsLabel("update", o, err)
	for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		o, err = c.objects.Patch(ctx, "dry", kind, []byte(`{"metadata":{"labels":{"a":"1"}}}`), metav1.PatchOptions{DryRun: dryRunAll})
		showsLabel(string(kind), o, err)
	}
	o, err = c.objects.Patch(ctx, "dry", types.JSONPatchType, []byte(`[{"op":"replace","path":"/metadata/labels/a","value":"1"}]`), metav1.PatchOptions{DryRun: dryRunAll})
	showsLabel("JSON patch", o, err)
	wanted := c.object("dry")
	wanted.SetLabels(map[string]string{"a": "1"})
	o, err = c.objects.Apply(ctx, "dry", wanted, metav1.ApplyOptions{FieldManager: "dry", Force: true, DryRun: dryRunAll})
	showsLabel("apply", o, err)
	if o, err = c.objects.Apply(ctx, "dry-new", c.object("dry-new"), metav1.ApplyOptions{FieldManager: "dry", DryRun: dryRunAll}); err != nil || o.GetUID() == "" {
		t.Errorf("apply of what is not there: %v", err)
	}
	if c.kind.status != "" {
		o, err = c.objects.Patch(ctx, "dry", types.MergePatchType, []byte(c.statusPatch(t, 0)), metav1.PatchOptions{DryRun: dryRunAll}, "status")
		if err != nil || c.statusOf(o) != c.kind.values[0] {
			t.Errorf("patch of the status made %v, error %v", shown(o), err)
		}
	}
	_, err = c.objects.Patch(ctx, "dry", types.MergePatchType, []byte(manifest(t, map[string]any{"spec": parse(c.kind.bad)})), metav1.PatchOptions{DryRun: dryRunAll})
	wantError(t, "a bad spec", err, http.StatusUnprocessableEntity, c.kind.badField)

	if err := c.objects.Delete(ctx, "dry", metav1.DeleteOptions{DryRun: dryRunAll}); err != nil {
		t.Errorf("delete: %v", err)
	}
	wantError(t, "delete of what is not there", c.objects.Delete(ctx, "dry-new", metav1.DeleteOptions{DryRun: dryRunAll}), http.StatusNotFound)
	foreground := metav1.DeletePropagationForeground
	if err := c.objects.Delete(ctx, "dry", metav1.DeleteOptions{DryRun: dryRunAll, PropagationPolicy: &foreground}); err != nil {
		t.Errorf("delete in the foreground: %v", err)
	}
	if err := c.objects.DeleteCollection(ctx, metav1.DeleteOptions{DryRun: dryRunAll}, metav1.ListOptions{LabelSelector: "a=0"}); err != nil {
		t.Errorf("delete of a collection: %v", err)
	}
	_, err = c.objects.Create(ctx, c.object("dry-new"), metav1.CreateOptions{DryRun: []string{"Some"}})
	wantError(t, "an unknown dry run", err, http.StatusUnprocessableEntity, "dryRun")

	if after := c.read(t, "dry"); manifest(t, after) != manifest(t, before) {
		t.Errorf("the dry runs made\n%s of\n%s", manifest(t, after), manifest(t, before))
	}
	c.gone(t, "dry-new")
	list, err := c.objects.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].GetGenerateName() == "dry-" {
			t.Errorf("the dry run left %s", list.Items[i].GetName())
		}
	}
}
