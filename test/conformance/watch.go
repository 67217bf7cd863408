// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

// watching is a watch that is read event by event.
type watching struct {
	watch.Interface
}

func (c *check) open(t *testing.T, options metav1.ListOptions) watching {
	t.Helper()
	w, err := c.objects.Watch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return watching{w}
}

// next returns the next event, which is of the type and the object.
func (w watching) next(t *testing.T, kind watch.EventType, name string) *unstructured.Unstructured {
	t.Helper()
	select {
	case event, open := <-w.ResultChan():
		o, ok := event.Object.(*unstructured.Unstructured)
		if !open || !ok || event.Type != kind || o.GetName() != name {
			t.Fatalf("event %s of %v, want %s of %q", event.Type, event.Object, kind, name)
		}
		return o
	case <-time.After(patience):
		t.Fatalf("no event %s of %q", kind, name)
	}
	return nil
}

// until passes over what comes before the event.
func (w watching) until(t *testing.T, kind watch.EventType, name string) {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case event, open := <-w.ResultChan():
			if !open {
				t.Fatalf("the watch ended without %s of %q", kind, name)
			}
			if o, ok := event.Object.(*unstructured.Unstructured); ok && event.Type == kind && o.GetName() == name {
				return
			}
		case <-deadline:
			t.Fatalf("no event %s of %q", kind, name)
		}
	}
}

func (c *check) watch(t *testing.T) {
	list, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "test=watch"})
	if err != nil {
		t.Fatal(err)
	}
	created := c.make(t, "watched", labelled("test", "watch"))
	updated, err := c.patch(t, types.MergePatchType, "watched", `{"metadata":{"annotations":{"a":"1"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.objects.Delete(t.Context(), "watched", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	all := c.open(t, metav1.ListOptions{LabelSelector: "test=watch", ResourceVersion: list.GetResourceVersion()})
	if o := all.next(t, watch.Added, "watched"); o.GetResourceVersion() != created.GetResourceVersion() {
		t.Errorf("added as version %s, not %s", o.GetResourceVersion(), created.GetResourceVersion())
	}
	if o := all.next(t, watch.Modified, "watched"); o.GetResourceVersion() != updated.GetResourceVersion() || o.GetAnnotations()["a"] != "1" {
		t.Errorf("modified as %v", o.Object["metadata"])
	}
	if o := all.next(t, watch.Deleted, "watched"); !newer(t, o, updated) {
		t.Errorf("deleted with the version %s, last changed with %s", o.GetResourceVersion(), updated.GetResourceVersion())
	}
	later := c.open(t, metav1.ListOptions{LabelSelector: "test=watch", ResourceVersion: created.GetResourceVersion()})
	later.next(t, watch.Modified, "watched")

	c.make(t, "present", labelled("test", "watch"))
	c.open(t, metav1.ListOptions{LabelSelector: "test=watch"}).next(t, watch.Added, "present")
	// At 0 the server may begin in the past, but then it goes on from there.
	c.open(t, metav1.ListOptions{LabelSelector: "test=watch", ResourceVersion: "0"}).until(t, watch.Added, "present")
}

// watchSelection: an object that enters or leaves the selection is added or deleted for the watch.
func (c *check) watchSelection(t *testing.T) {
	created := c.make(t, "moving", labelled("test", "none"))
	version := created.GetResourceVersion()
	byLabel := c.open(t, metav1.ListOptions{LabelSelector: "test=entered", ResourceVersion: version})
	byName := c.open(t, metav1.ListOptions{FieldSelector: "metadata.name=moving", ResourceVersion: version})
	var byField []watching
	var passed []watching
	for field, value := range c.kind.fields {
		byField = append(byField, c.open(t, metav1.ListOptions{LabelSelector: "test", FieldSelector: field + "=" + value, ResourceVersion: version}))
		passed = append(passed, c.open(t, metav1.ListOptions{FieldSelector: field + "=other", ResourceVersion: version}))
	}
	for _, label := range []string{`"entered"`, "null"} {
		if _, err := c.patch(t, types.MergePatchType, "moving", fmt.Sprintf(`{"metadata":{"labels":{"test":%s}}}`, label)); err != nil {
			t.Fatal(err)
		}
	}
	byLabel.next(t, watch.Added, "moving")
	byLabel.next(t, watch.Deleted, "moving")
	byName.next(t, watch.Modified, "moving")
	byName.next(t, watch.Modified, "moving")
	for _, w := range byField {
		w.next(t, watch.Modified, "moving")
		w.next(t, watch.Deleted, "moving")
	}
	for _, w := range passed {
		select {
		case event := <-w.ResultChan():
			t.Errorf("a watch for other objects sees %v", event)
		default:
		}
	}
}

// newer tells whether the first object is of a later version than the second.
func newer(t *testing.T, first, second *unstructured.Unstructured) bool {
	t.Helper()
	order, err := resourceversion.CompareResourceVersion(first.GetResourceVersion(), second.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	return order > 0
}

// bookmarks tell a quiet watch how far the server is, at the latest shortly before the watch ends.
func (c *check) bookmarks(t *testing.T) {
	created := c.make(t, "quiet", labelled("test", "bookmarks"))
	quiet := c.open(t, metav1.ListOptions{
		LabelSelector: "test=other", ResourceVersion: created.GetResourceVersion(), AllowWatchBookmarks: true, TimeoutSeconds: ptr.To[int64](4),
	})
	changed, err := c.patch(t, types.MergePatchType, "quiet", `{"metadata":{"annotations":{"a":"0"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	mark := quiet.next(t, watch.Bookmark, "")
	if newer(t, changed, mark) || mark.GetKind() != c.kind.name || mark.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "" {
		t.Errorf("bookmark %v", mark.Object)
	}
	resumed := c.open(t, metav1.ListOptions{LabelSelector: "test=bookmarks", ResourceVersion: mark.GetResourceVersion()})
	if _, err := c.patch(t, types.MergePatchType, "quiet", `{"metadata":{"annotations":{"a":"1"}}}`); err != nil {
		t.Fatal(err)
	}
	resumed.next(t, watch.Modified, "quiet")
	for event := range quiet.ResultChan() {
		if event.Type != watch.Bookmark {
			t.Errorf("event %s in a watch of other objects", event.Type)
		}
	} // the watch ends by itself
}

// watchList: a watch begins with what is there, and says when that is complete.
func (c *check) watchList(t *testing.T) {
	c.make(t, "list-1", labelled("test", "watchlist"))
	last := c.make(t, "list-2", labelled("test", "watchlist"))
	options := metav1.ListOptions{
		LabelSelector: "test=watchlist", SendInitialEvents: ptr.To(true), AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	}
	for _, version := range []string{"", "0", last.GetResourceVersion()} {
		options.ResourceVersion = version
		w := c.open(t, options)
		w.next(t, watch.Added, "list-1")
		w.next(t, watch.Added, "list-2")
		if mark := w.next(t, watch.Bookmark, ""); mark.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" || mark.GetResourceVersion() == "" {
			t.Errorf("the initial events of %q end with %v", version, mark.Object)
		}
		if _, err := c.patch(t, types.MergePatchType, "list-1", fmt.Sprintf(`{"metadata":{"annotations":{"a":"v%s"}}}`, version)); err != nil {
			t.Fatal(err)
		}
		w.next(t, watch.Modified, "list-1")
	}
	for what, change := range map[string]func(*metav1.ListOptions){
		"no match":          func(o *metav1.ListOptions) { o.ResourceVersionMatch = "" },
		"exact match":       func(o *metav1.ListOptions) { o.ResourceVersionMatch = metav1.ResourceVersionMatchExact },
		"match without ask": func(o *metav1.ListOptions) { o.SendInitialEvents = nil },
	} {
		bad := options
		change(&bad)
		_, err := c.objects.Watch(t.Context(), bad)
		wantError(t, what, err, http.StatusUnprocessableEntity)
	}
}

// forgotten: a watch that begins before what the server remembers is told to list again.
func (c *check) forgotten(t *testing.T) {
	w, err := c.objects.Watch(t.Context(), metav1.ListOptions{ResourceVersion: c.Forgotten})
	if err != nil {
		wantError(t, "watching from a forgotten version", err, http.StatusGone)
		return
	}
	defer w.Stop()
	select {
	case event := <-w.ResultChan():
		if failure := apierrors.FromObject(event.Object); event.Type != watch.Error || !apierrors.IsResourceExpired(failure) && !apierrors.IsGone(failure) {
			t.Errorf("watching from version %s gave %s: %v", c.Forgotten, event.Type, failure)
		}
	case <-time.After(patience):
		t.Errorf("watching from version %s gave nothing", c.Forgotten)
	}
}
