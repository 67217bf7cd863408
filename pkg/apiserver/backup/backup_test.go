// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"gocloud.dev/blob"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/restage-dev/restage/pkg/apiserver/etcd"
	"github.com/restage-dev/restage/pkg/traffic/store"
)

// running is an etcd with one key.
func running(t *testing.T) storagebackend.TransportConfig {
	t.Helper()
	dir, err := os.MkdirTemp("", "backup")
	if err != nil {
		t.Fatal(err)
	}
	server, err := etcd.Start(t.Context(), etcd.Options{DataDir: dir, QuotaBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	transport := storagebackend.TransportConfig{ServerList: []string{server.URL()}}
	client, err := etcd.Connect(transport)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Put(t.Context(), "key", "value"); err != nil {
		t.Fatal(err)
	}
	return transport
}

func openBucket(t *testing.T) (bucket *blob.Bucket, dir string) {
	t.Helper()
	dir = t.TempDir()
	bucket, err := store.OpenBucket(t.Context(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	return bucket, dir
}

func list(t *testing.T, bucket *blob.Bucket) []Backup {
	t.Helper()
	backups, err := List(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return backups
}

func TestBackupsCanBeRestored(t *testing.T) {
	from := running(t)
	bucket, dir := openBucket(t)
	old := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, at := range []time.Time{old, old.Add(time.Hour)} {
		if _, err := Take(t.Context(), from, bucket, at); err != nil {
			t.Fatal(err)
		}
	}
	backups := list(t, bucket)
	if len(backups) != 2 || backups[0].Name != "restage-20260102T040405Z-2.db" || !backups[1].Time.Equal(old.Truncate(time.Second)) || backups[0].Size == 0 {
		t.Fatalf("backups %+v", backups)
	}
	file := filepath.Join(t.TempDir(), "by-hand.db")
	if _, _, err := To(t.Context(), from, file, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := To(t.Context(), from, file, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file was overwritten: %v", err)
	}
	var stdout bytes.Buffer
	if _, _, err := To(t.Context(), from, "-", &stdout); err != nil {
		t.Fatal(err)
	}
	for place, name := range map[string]string{"file://" + dir: "", "file://" + dir + "?": backups[1].Name, file: "", "-": ""} {
		snapshot, where, err := From(t.Context(), place, name, &stdout)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" && where != name {
			t.Errorf("%s of %s gave %s", name, place, where)
		}
		restored(t, place, func(dir string) error {
			_, err := etcd.Restore(t.Context(), dir, snapshot, false)
			return errors.Join(err, snapshot.Close())
		})
	}
}

// restored checks that the store that is made in a directory has the key.
func restored(t *testing.T, what string, restore func(dir string) error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "backup")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := restore(dir); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	server, err := etcd.Start(t.Context(), etcd.Options{DataDir: dir, QuotaBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if got, err := client.Get(t.Context(), "key"); err != nil || len(got.Kvs) != 1 {
		t.Errorf("%s: restored %v, error %v", what, got, err)
	}
}

func TestScheduleTakesTurnsAndKeepsSome(t *testing.T) {
	bucket, dir := openBucket(t)
	foreign := filepath.Join(dir, "restage-notes.db")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Schedule{From: running(t), URL: "file://" + dir, Interval: time.Hour, Keep: 2}
	for _, age := range []time.Duration{50 * time.Hour, 40 * time.Hour, 30 * time.Hour} {
		if _, err := Take(t.Context(), s.From, bucket, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time, as another replica, it finds a new one
		wait, err := s.next(t.Context())
		if err != nil || wait <= time.Hour-time.Minute || wait > time.Hour {
			t.Fatalf("the next is in %v, error %v", wait, err)
		}
		backups := list(t, bucket)
		if len(backups) != 2 || time.Since(backups[0].Time) > time.Minute || time.Since(backups[1].Time) > 31*time.Hour {
			t.Fatalf("backups %+v", backups)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is none of ours: %v", err)
	}
}

func TestFailedBackupLeavesNothing(t *testing.T) {
	bucket, dir := openBucket(t)
	nowhere := storagebackend.TransportConfig{ServerList: []string{"unix:///nowhere"}}
	old := Backup{}
	if _, err := (Schedule{From: running(t), URL: "file://" + dir, Interval: time.Hour, Keep: 1}).next(t.Context()); err != nil {
		t.Fatal(err)
	}
	old = list(t, bucket)[0]
	file := filepath.Join(dir, "by-hand.db")
	if _, _, err := To(t.Context(), nowhere, file, nil); err == nil || !strings.Contains(err.Error(), "reaching etcd at unix:///nowhere") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a backup that failed: %v", err)
	}
	if left := list(t, bucket); len(left) != 1 || left[0] != old {
		t.Errorf("backups %+v", left)
	}
}
