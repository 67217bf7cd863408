// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
)

// What was backed up comes back, and no client is left with what is gone: a watch from before ends with 410, an informer
// lists anew, resource versions only grow.
func TestRestore(t *testing.T) {
	dir, backups := shortDir(t), "file://"+t.TempDir()
	data := filepath.Join(dir, "data")
	s := newServer(t, newCertificate(t), "--data-dir="+data)
	s.start(t)
	profiles := s.client(t).ReplayV1alpha1().ReplayProfiles(namespace)
	create := func(name string) *v1alpha1.ReplayProfile {
		t.Helper()
		created, err := profiles.Create(t.Context(), &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	kept := create("kept")
	if text, err := command(t, "backup", "--data-dir="+data, "--to="+backups); err != nil {
		t.Fatalf("backup: %v\n%s", err, text)
	}
	var last string
	for n := range 10 {
		last = create(name("later", n)).ResourceVersion
	}

	factory := externalversions.NewSharedInformerFactory(s.client(t), 0)
	informer := factory.Replay().V1alpha1().ReplayProfiles().Informer()
	var deleted atomic.Int64
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(any) { deleted.Add(1) }}); err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())

	s.kill()
	if text, err := command(t, "restore", "--data-dir="+data, "--from="+backups); err == nil {
		t.Errorf("restored over data: %s", text)
	} else {
		contains(t, text, "holds data")
	}
	if err := os.Rename(filepath.Join(data, "etcd"), filepath.Join(dir, "lost")); err != nil {
		t.Fatal(err)
	}
	text, err := command(t, "restore", "--data-dir="+data, "--from="+backups)
	if err != nil {
		t.Fatalf("restore: %v\n%s", err, text)
	}
	contains(t, text, "restored restage-")
	s.start(t)

	eventually(t, "the informer forgets what is gone", func() bool { return deleted.Load() == 10 && len(informer.GetStore().ListKeys()) == 1 })
	restored, err := profiles.Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil || restored.UID != kept.UID {
		t.Errorf("the object that was backed up: %v, error %v", restored, err)
	}
	gone(t, func(options metav1.ListOptions) (watch.Interface, error) { return profiles.Watch(t.Context(), options) }, last)
	list, err := profiles.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	later(t, list.ResourceVersion, last)
	fresh := create("fresh")
	later(t, fresh.ResourceVersion, last)
	eventually(t, "the informer sees what is new", func() bool {
		_, found, _ := informer.GetStore().GetByKey(namespace + "/fresh")
		return found
	})
}

// gone checks that a watch from this version ends with 410.
func gone(t *testing.T, start func(metav1.ListOptions) (watch.Interface, error), version string) {
	t.Helper()
	watcher, err := start(metav1.ListOptions{ResourceVersion: version})
	if err != nil {
		if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			t.Errorf("the watch from version %s gave %v", version, err)
		}
		return
	}
	defer watcher.Stop()
	event := <-watcher.ResultChan()
	if err := apierrors.FromObject(event.Object); event.Type != watch.Error || !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		t.Errorf("the watch from version %s gave %s %v", version, event.Type, event.Object)
	}
}

func later(t *testing.T, version, than string) {
	t.Helper()
	a, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	b, err := strconv.ParseUint(than, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if a <= b {
		t.Errorf("resource version %d comes after %d", a, b)
	}
}
