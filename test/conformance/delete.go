// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

const finalizer = "restage.dev/conformance"

func finalized(o *unstructured.Unstructured) { o.SetFinalizers([]string{finalizer}) }

func (c *check) delete(t *testing.T) {
	created := c.make(t, "delete")
	answer := c.send(t, request{method: http.MethodDelete, path: "/delete"})
	answer.want(t, "delete", http.StatusOK)
	var status metav1.Status
	answer.decode(t, &status)
	if status.Status != metav1.StatusSuccess || status.Details == nil || status.Details.UID != created.GetUID() || status.Details.Kind != c.kind.resource {
		t.Errorf("delete answers %s", answer.body)
	}
	c.gone(t, "delete")
	wantError(t, "deleting it again", c.objects.Delete(t.Context(), "delete", metav1.DeleteOptions{}), http.StatusNotFound, "delete")
	c.make(t, "delete") // the name is free again
	for what, options := range map[string]metav1.DeleteOptions{
		"propagationPolicy":  {PropagationPolicy: ptr.To(metav1.DeletionPropagation("Sideways"))},
		"gracePeriodSeconds": {GracePeriodSeconds: ptr.To[int64](-1), PropagationPolicy: ptr.To(metav1.DeletionPropagation("None"))},
		"orphanDependents":   {OrphanDependents: ptr.To(true), PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)}, //nolint:staticcheck // deprecated and still checked
	} {
		wantError(t, what, c.objects.Delete(t.Context(), "delete", options), http.StatusUnprocessableEntity)
	}
	c.read(t, "delete")
}

func (c *check) preconditions(t *testing.T) {
	created := c.make(t, "exact")
	changed, err := c.patch(t, types.MergePatchType, "exact", `{"metadata":{"labels":{"a":"1"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	remove := func(uid types.UID, version string) error {
		return c.objects.Delete(t.Context(), "exact", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
	}
	wantError(t, "another uid", remove("other", changed.GetResourceVersion()), http.StatusConflict, "UID")
	wantError(t, "an old version", remove(created.GetUID(), created.GetResourceVersion()), http.StatusConflict, "ResourceVersion")
	if err := remove(created.GetUID(), changed.GetResourceVersion()); err != nil {
		t.Error(err)
	}
	c.gone(t, "exact")
}

// finalizers hold an object that is deleted until the last one is taken away.
func (c *check) finalizers(t *testing.T) {
	created := c.make(t, "held", finalized, labelled("test", "finalizers"))
	if err := c.objects.Delete(t.Context(), "held", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](30)}); err != nil {
		t.Fatal(err)
	}
	held := c.read(t, "held")
	if grace := held.GetDeletionGracePeriodSeconds(); held.GetDeletionTimestamp() == nil || grace == nil || *grace != 0 {
		t.Errorf("deleted at %v with a grace period of %v seconds: nothing here ends gracefully, so it is 0", held.GetDeletionTimestamp(), grace)
	}
	// As of all kinds with a generation: it counts the beginning of the deletion.
	if held.GetGeneration() != created.GetGeneration()+1 {
		t.Errorf("generation %d after the deletion began", held.GetGeneration())
	}
	if err := c.objects.Delete(t.Context(), "held", metav1.DeleteOptions{}); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
	again := c.read(t, "held")
	if !again.GetDeletionTimestamp().Equal(held.GetDeletionTimestamp()) {
		t.Errorf("deleting it again moved the time from %v to %v", held.GetDeletionTimestamp(), again.GetDeletionTimestamp())
	}
	_, err := c.patch(t, types.MergePatchType, "held", `{"metadata":{"finalizers":["restage.dev/conformance","restage.dev/late"]}}`)
	wantError(t, "a finalizer that comes too late", err, http.StatusUnprocessableEntity, "metadata.finalizers", "being deleted")
	if _, err := c.patch(t, types.MergePatchType, "held", `{"metadata":{"labels":{"a":"1"},"deletionTimestamp":null}}`); err != nil {
		t.Errorf("a label of an object that is being deleted: %v", err)
	}
	if c.read(t, "held").GetDeletionTimestamp() == nil {
		t.Error("the deletion was taken back")
	}
	if _, err := c.patch(t, types.MergePatchType, "held", `{"metadata":{"finalizers":null}}`); err != nil {
		t.Fatal(err)
	}
	c.gone(t, "held")
}

// propagation: the policy becomes a finalizer for the garbage collector.
func (c *check) propagation(t *testing.T) {
	remove := func(name string, policy metav1.DeletionPropagation) {
		t.Helper()
		// The finalizer keeps the object from the collector while the test looks at it.
		c.make(t, name, finalized)
		if err := c.objects.Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	has := func(o *unstructured.Unstructured, finalizer string) bool {
		return strings.Contains(strings.Join(o.GetFinalizers(), " ")+" ", finalizer+" ")
	}
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
		wanted := map[metav1.DeletionPropagation]string{
			metav1.DeletePropagationForeground: metav1.FinalizerDeleteDependents, metav1.DeletePropagationOrphan: metav1.FinalizerOrphanDependents,
		}[policy]
		name := strings.ToLower(string(policy))
		remove(name, policy)
		o := c.read(t, name)
		if c.Host == nil && !has(o, wanted) || o.GetDeletionTimestamp() == nil {
			t.Errorf("%s: finalizers %v, deleted at %v", policy, o.GetFinalizers(), o.GetDeletionTimestamp())
		}
	}
	remove("background", metav1.DeletePropagationBackground)
	if o := c.read(t, "background"); len(o.GetFinalizers()) != 1 {
		t.Errorf("Background: finalizers %v", o.GetFinalizers())
	}
	c.make(t, "at-once")
	if err := c.objects.Delete(t.Context(), "at-once", metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
		t.Fatal(err)
	}
	c.gone(t, "at-once")
}

func (c *check) deleteCollection(t *testing.T) {
	for _, name := range []string{"many-1", "many-2", "many-3", "many-4"} {
		c.make(t, name, func(o *unstructured.Unstructured) { o.SetLabels(map[string]string{"test": "collection", "name": name}) })
	}
	c.make(t, "many-5", finalized, labelled("test", "collection"))
	remove := func(labels, fields, want string) {
		t.Helper()
		if err := c.objects.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: labels, FieldSelector: fields}); err != nil {
			t.Fatal(err)
		}
		left, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "test=collection"})
		if err != nil || names(left.Items) != want {
			t.Errorf("%s %s left %q, error %v, want %q", labels, fields, names(left.Items), err, want)
		}
	}
	remove("test=collection,name in (many-1,many-2)", "", "many-3 many-4 many-5")
	remove("test=collection", "metadata.name=many-3", "many-4 many-5")
	remove("test=collection", "", "many-5")
	if c.read(t, "many-5").GetDeletionTimestamp() == nil {
		t.Error("the object with a finalizer is not being deleted")
	}
	remove("test=nothing", "", "many-5")
}
