// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how long a controller of the cluster may take.
const patience = time.Minute

var dryRunAll = []string{metav1.DryRunAll}

// make creates an object, changed as the caller likes, and removes it at the end of the test.
func (c *check) make(t *testing.T, name string, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	t.Helper()
	o := c.object(name)
	for _, change := range changes {
		change(o)
	}
	created, err := c.objects.Create(t.Context(), o, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.removeLater(t, created.GetName())
	return created
}

func labelled(key, value string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { o.SetLabels(map[string]string{key: value}) }
}

// removeLater removes an object at the end of the test, whatever holds it.
func (c *check) removeLater(t *testing.T, name string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := c.objects.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err == nil {
			err = c.objects.Delete(ctx, name, metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("removing %s %s: %v", c.kind.name, name, err)
		}
	})
}

// read returns the object as it is now.
func (c *check) read(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	o, err := c.objects.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// gone fails the test when the object is still there.
func (c *check) gone(t *testing.T, name string) {
	t.Helper()
	if o, err := c.objects.Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("%s is still there, as %v, or %v", name, shown(o), err)
	}
}

// eventually waits for what a controller of the cluster does.
func eventually(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, patience, true, condition); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func (c *check) patch(t *testing.T, kind types.PatchType, name, patch string, subresources ...string) (*unstructured.Unstructured, error) {
	t.Helper()
	return c.objects.Patch(t.Context(), name, kind, []byte(patch), metav1.PatchOptions{}, subresources...)
}

// wantError checks the HTTP status of an error and what its message must hold.
func wantError(t *testing.T, what string, err error, code int, parts ...string) {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || int(status.Status().Code) != code {
		t.Errorf("%s: %v, want %d %s", what, err, code, http.StatusText(code))
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q lacks %q", what, err, part)
		}
	}
}

// shown is what an error message says of an object that may not be there.
func shown(o *unstructured.Unstructured) any {
	if o == nil {
		return "nothing"
	}
	return o.Object
}

// born is when the object was created, as it is written.
func born(o *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(o.Object, "metadata", "creationTimestamp")
	return text
}

// names of listed objects, in the order of the list.
func names(items []unstructured.Unstructured) string {
	var all []string
	for i := range items {
		all = append(all, items[i].GetName())
	}
	return strings.Join(all, " ")
}
