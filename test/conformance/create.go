// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func (c *check) create(t *testing.T) {
	created := c.make(t, "create", labelled("a", "b"), func(o *unstructured.Unstructured) {
		o.SetUID("forged")
		o.SetGeneration(7)
		o.SetSelfLink("/forged")
		o.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
		if c.kind.status != "" {
			o.Object["status"] = map[string]any{c.kind.status: c.kind.values[0]}
		}
	})
	if created.GetUID() == "" || created.GetUID() == "forged" || created.GetResourceVersion() == "" || created.GetGeneration() != 1 ||
		born(created) == "" || created.GetSelfLink() != "" || created.GetDeletionTimestamp() != nil {
		t.Errorf("metadata %v", created.Object["metadata"])
	}
	if created.GetLabels()["a"] != "b" || created.GetKind() != c.kind.name {
		t.Errorf("created %v", created.Object)
	}
	if c.kind.status != "" && c.statusOf(created) != nil {
		t.Errorf("a status was taken at creation: %v", created.Object["status"])
	}
	_, err := c.objects.Create(t.Context(), c.object("create"), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		t.Errorf("creating it again: %v", err)
	}
	versioned := c.object("versioned")
	versioned.SetResourceVersion("1")
	_, err = c.objects.Create(t.Context(), versioned, metav1.CreateOptions{})
	wantError(t, "with a resource version", err, http.StatusInternalServerError, "resourceVersion should not be set")
	_, err = c.objects.Get(t.Context(), "missing", metav1.GetOptions{})
	wantError(t, "reading what is not there", err, http.StatusNotFound, c.kind.resource, "missing")
}

func (c *check) generatedNames(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		created := c.make(t, "", func(o *unstructured.Unstructured) { o.SetGenerateName("made-") })
		if name := created.GetName(); !strings.HasPrefix(name, "made-") || len(name) != len("made-")+5 || seen[name] {
			t.Errorf("generated the name %q, after %v", name, seen)
		}
		seen[created.GetName()] = true
	}
	both := c.make(t, "given", func(o *unstructured.Unstructured) { o.SetGenerateName("made-") })
	if both.GetName() != "given" {
		t.Errorf("the given name became %q", both.GetName())
	}
	_, err := c.objects.Create(t.Context(), c.object(""), metav1.CreateOptions{})
	wantError(t, "no name", err, http.StatusUnprocessableEntity, "name or generateName is required")
}

// badMetadata is refused with the field named.
func (c *check) badMetadata(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	for field, change := range map[string]func(*unstructured.Unstructured){
		"metadata.name":                      func(o *unstructured.Unstructured) { o.SetName("Bad_Name") },
		"metadata.labels":                    labelled("a", "not valid"),
		"metadata.annotations":               func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{"not valid": ""}) },
		"metadata.annotations: Too long":     func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{"a": long}) },
		"metadata.finalizers":                func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"not valid"}) },
		"metadata.ownerReferences[0].uid":    owned(metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x"}),
		"metadata.ownerReferences[0].name":   owned(metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", UID: "x"}),
		"metadata.ownerReferences[0].apiVer": owned(metav1.OwnerReference{Kind: "ConfigMap", Name: "x", UID: "x"}),
	} {
		o := c.object("bad")
		change(o)
		_, err := c.objects.Create(t.Context(), o, metav1.CreateOptions{})
		wantError(t, field, err, http.StatusUnprocessableEntity, field)
	}
}

func owned(owner metav1.OwnerReference) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { o.SetOwnerReferences([]metav1.OwnerReference{owner}) }
}

// mismatches of what the URL and the body say are refused.
func (c *check) mismatches(t *testing.T) {
	created := c.make(t, "match")
	change := func(set func(*unstructured.Unstructured)) string {
		o := created.DeepCopy()
		set(o)
		return manifest(t, o)
	}
	kind := change(func(o *unstructured.Unstructured) { o.SetKind("Other") })
	version := change(func(o *unstructured.Unstructured) { o.SetAPIVersion("replay.restage.dev/v9") })
	name := change(func(o *unstructured.Unstructured) { o.SetName("other") })
	for what, r := range map[string]request{
		"kind":            {method: http.MethodPost, body: kind},
		"version":         {method: http.MethodPost, body: version},
		"kind of update":  {method: http.MethodPut, path: "/match", body: kind},
		"name of update":  {method: http.MethodPut, path: "/match", body: name},
		"no JSON":         {method: http.MethodPost, body: "{"},
		"no object":       {method: http.MethodPost, body: "[]"},
		"an empty body":   {method: http.MethodPost},
		"an unknown type": {method: http.MethodPost, body: `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}`},
	} {
		r.contentType = "application/json"
		c.send(t, r).want(t, what, http.StatusBadRequest)
	}
	if c.kind.clusterScoped {
		return
	}
	elsewhere := change(func(o *unstructured.Unstructured) { o.SetNamespace("elsewhere") })
	c.send(t, request{method: http.MethodPost, body: elsewhere, contentType: "application/json"}).
		want(t, "namespace", http.StatusBadRequest, "namespace")
	c.send(t, request{method: http.MethodPut, path: "/match", body: elsewhere, contentType: "application/json"}).
		want(t, "namespace of update", http.StatusBadRequest, "namespace")
}
