// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// snapshotOf is a snapshot of a store with one key, and the revision that the store reached afterwards.
func snapshotOf(t *testing.T) (snapshot []byte, later int64) {
	t.Helper()
	server := start(t, shortDir(t))
	defer server.Close()
	client := connect(t, server)
	if _, err := client.Put(t.Context(), "key", "old"); err != nil {
		t.Fatal(err)
	}
	response, err := client.SnapshotWithVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Snapshot.Close()
	if snapshot, err = io.ReadAll(response.Snapshot); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		put, err := client.Put(t.Context(), "key", "new")
		if err != nil {
			t.Fatal(err)
		}
		later = put.Header.Revision
	}
	return snapshot, later
}

func TestRestoredStoreGoesOnAtAHigherRevision(t *testing.T) {
	snapshot, later := snapshotOf(t)
	dir := shortDir(t)
	for range 2 { // also when the same snapshot is restored again, after more writes
		restored, err := Restore(t.Context(), dir, bytes.NewReader(snapshot), true)
		if err != nil {
			t.Fatal(err)
		}
		if restored <= later {
			t.Fatalf("the revision went back from %d to %d", later, restored)
		}
		server := start(t, dir)
		client := connect(t, server)
		got, err := client.Get(t.Context(), "key")
		if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "old" {
			t.Fatalf("the key is %v, error %v", got, err)
		}
		response := <-client.Watch(t.Context(), "key", clientv3.WithRev(later))
		if !errors.Is(response.Err(), rpctypes.ErrCompacted) {
			t.Errorf("a watch from revision %d gave %v", later, response.Err())
		}
		put, err := client.Put(t.Context(), "key", "newer")
		if err != nil || put.Header.Revision <= restored {
			t.Errorf("the next revision after %d is %d, error %v", restored, put.Header.Revision, err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		later = put.Header.Revision
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "etcd.aside-*", "member")); len(aside) != 1 {
		t.Errorf("moved aside are %v", aside)
	}
}

func TestRestoreRefuses(t *testing.T) {
	snapshot, _ := snapshotOf(t)
	damaged := bytes.Clone(snapshot)
	damaged[len(damaged)-1] ^= 1 // in the checksum
	for name, c := range map[string]struct {
		snapshot []byte
		aside    bool
		want     string
	}{
		"data":               {snapshot, false, "holds data"},
		"a damaged snapshot": {damaged, true, "damaged or not all"},
		"half a snapshot":    {snapshot[:len(snapshot)/2], true, "damaged or not all"},
		"no snapshot":        {[]byte("no database"), true, "damaged or not all"},
		"nothing":            {nil, true, "has 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			old := filepath.Join(dir, "etcd", "old")
			if err := os.MkdirAll(old, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(t.Context(), dir, bytes.NewReader(c.snapshot), c.aside)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "restoring*")); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if _, err := os.Stat(old); err != nil {
				t.Errorf("the old data: %v", err)
			}
		})
	}
}

func TestRestoreRefusesTheDirectoryOfARunningServer(t *testing.T) {
	defer func(d time.Duration) { lockTimeout = d }(lockTimeout)
	lockTimeout = time.Millisecond
	dir := shortDir(t)
	server := start(t, dir)
	defer server.Close()
	if _, err := Restore(t.Context(), dir, strings.NewReader("x"), true); err == nil || !strings.Contains(err.Error(), "has used the data directory") {
		t.Errorf("error %v", err)
	}
}

func TestRevisionIsNeverBehindTheClock(t *testing.T) {
	now := revisionEpoch.Add(time.Hour)
	if got := 5 + bumpTo(5, now); got != 36_000_000 {
		t.Errorf("revision 5 becomes %d", got)
	}
	const ahead = 1 << 40
	if got := bumpTo(ahead, now); got != 864_000_000 {
		t.Errorf("a revision ahead of the clock is raised by %d", got)
	}
}
