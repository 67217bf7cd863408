// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// typed is what the generated clients of all kinds have in common.
type typed[T, L any] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	Get(context.Context, string, metav1.GetOptions) (T, error)
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

type object interface {
	runtime.Object
	metav1.Object
}

func TestLifecycleOfEveryKind(t *testing.T) {
	snapshot := createSnapshot(t, "lifecycle")
	t.Run("TrafficCapture", func(t *testing.T) { lifecycle(t, client().TrafficCaptures(namespace), newCapture("life")) })
	t.Run("TrafficSnapshot", func(t *testing.T) { lifecycle(t, client().TrafficSnapshots(namespace), newSnapshot("life")) })
	t.Run("ReplayProfile", func(t *testing.T) { lifecycle(t, client().ReplayProfiles(namespace), newProfile("life")) })
	t.Run("EnvironmentClass", func(t *testing.T) { lifecycle(t, client().EnvironmentClasses(), newClass("life")) })
	t.Run("Environment", func(t *testing.T) {
		lifecycle(t, client().Environments(namespace), newEnvironment("life", snapshot))
	})
	t.Run("TrafficReplay", func(t *testing.T) {
		lifecycle(t, client().TrafficReplays(namespace), newReplay("life", snapshot))
	})
}

// lifecycle creates, reads, lists, changes and deletes an object, and sees it all in a watch.
func lifecycle[T object, L runtime.Object](t *testing.T, c typed[T, L], o T) {
	ctx := t.Context()
	list, err := c.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before, err := meta.ListAccessor(list)
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := c.Watch(ctx, metav1.ListOptions{ResourceVersion: before.GetResourceVersion()})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()

	created, err := c.Create(ctx, o, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if created.GetUID() == "" || created.GetGeneration() != 1 {
		t.Errorf("created with uid %q and generation %d", created.GetUID(), created.GetGeneration())
	}
	expectEvent(t, watcher, watch.Added, o.GetName())
	if _, err := c.Create(ctx, o, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("creating it again: %v", err)
	}

	read, err := c.Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil || read.GetUID() != created.GetUID() {
		t.Fatalf("read uid %v, error %v", read.GetUID(), err)
	}
	read.SetLabels(map[string]string{"changed": "yes"})
	updated, err := c.Update(ctx, read, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if updated.GetGeneration() != 1 {
		t.Errorf("a label changed the generation to %d", updated.GetGeneration())
	}
	expectEvent(t, watcher, watch.Modified, o.GetName())
	if _, err := c.Update(ctx, read, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("updating an old version: %v", err)
	}

	list, err = c.List(ctx, metav1.ListOptions{LabelSelector: "changed=yes"})
	if err != nil || meta.LenList(list) != 1 {
		t.Errorf("listed %d by label, error %v", meta.LenList(list), err)
	}
	if err := c.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, watcher, watch.Deleted, o.GetName())
	if _, err := c.Get(ctx, o.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after deletion: %v", err)
	}
}

func expectEvent(t *testing.T, watcher watch.Interface, wanted watch.EventType, name string) {
	t.Helper()
	select {
	case event := <-watcher.ResultChan():
		o, ok := event.Object.(metav1.Object)
		if !ok || event.Type != wanted || o.GetName() != name {
			t.Fatalf("event %s %v, want %s of %s", event.Type, event.Object, wanted, name)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("no event %s", wanted)
	}
}

func TestNamespaceMustExist(t *testing.T) {
	profile := newProfile("lost")
	profile.Namespace = "nowhere"
	_, err := client().ReplayProfiles("nowhere").Create(t.Context(), profile, metav1.CreateOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("creating in a missing namespace: %v", err)
	}
}

func TestSelectReplaysBySnapshot(t *testing.T) {
	for _, name := range []string{"select-a", "select-b"} {
		createReplay(t, newReplay(name, createSnapshot(t, name)))
	}
	list, err := client().TrafficReplays(namespace).List(t.Context(), metav1.ListOptions{
		FieldSelector: v1alpha1.FieldSnapshotName + "=select-a",
	})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "select-a" {
		t.Errorf("selected %v, error %v", list, err)
	}
	_, err = client().TrafficReplays(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.mode=Full"})
	if !apierrors.IsBadRequest(err) {
		t.Errorf("an unknown field selector: %v", err)
	}
}
