// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// fill writes further keys until etcd refuses, and returns how many there are.
func fill(t *testing.T, client *clientv3.Client, keys int) int {
	t.Helper()
	value := string(bytes.Repeat([]byte("x"), 1<<20))
	for ; keys < 100; keys++ {
		_, err := client.Put(t.Context(), fmt.Sprint("key-", keys), value)
		if errors.Is(err, rpctypes.ErrNoSpace) {
			awaitAlarm(t, client)
			return keys
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("etcd never refused")
	return 0
}

// awaitAlarm waits until etcd refuses every write: it may raise the alarm only after it has answered the write that was too much.
func awaitAlarm(t *testing.T, client *clientv3.Client) {
	t.Helper()
	for t.Context().Err() == nil {
		list, err := client.AlarmList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Alarms) > 0 {
			return
		}
	}
}

func TestFullEtcdTakesWritesAgainWhenSpaceIsFreed(t *testing.T) {
	server := start(t, shortDir(t))
	defer server.Close()
	client := connect(t, server)
	upkeep := Upkeep{Client: client, Embedded: true}
	keys := fill(t, client, 0)

	// The slower the writes are, the more empty pages there are between them, which can be freed; they get fewer each time.
	for {
		if err := upkeep.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := client.Put(t.Context(), "small", "x")
		if errors.Is(err, rpctypes.ErrNoSpace) {
			break
		}
		if err != nil {
			t.Fatalf("nothing was freed, and a write gave %v", err)
		}
		more := fill(t, client, keys)
		if more == keys {
			t.Fatal("nothing was freed, and a write was taken")
		}
		keys = more
	}
	for n := range keys / 2 {
		if _, err := client.Delete(t.Context(), fmt.Sprint("key-", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := upkeep.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), "small", "x"); err != nil {
		t.Errorf("half was freed, and a write gave %v", err)
	}
	kept, err := client.Get(t.Context(), "key-", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || kept.Count != int64(keys-keys/2) {
		t.Errorf("%d keys are left, error %v", kept.Count, err)
	}
}

// An etcd of the user's is measured, not repaired.
func TestOtherEtcdIsLeftAlone(t *testing.T) {
	server := start(t, shortDir(t))
	defer server.Close()
	client := connect(t, server)
	fill(t, client, 0)
	if _, err := client.Delete(t.Context(), "key-", clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	if err := (Upkeep{Client: client}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	alarms, err := client.AlarmList(t.Context())
	if err != nil || len(alarms.Alarms) != 1 {
		t.Errorf("alarms %v, error %v", alarms, err)
	}
}

func TestWastefulDatabaseIsDefragmented(t *testing.T) {
	server, err := Start(t.Context(), Options{DataDir: shortDir(t), QuotaBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := connect(t, server)
	value := string(bytes.Repeat([]byte("x"), 1<<20))
	var revision int64
	for range 80 {
		put, err := client.Put(t.Context(), "key", value)
		if err != nil {
			t.Fatal(err)
		}
		revision = put.Header.Revision
	}
	if _, err := client.Compact(t.Context(), revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if err := (Upkeep{Client: client, Embedded: true}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, err := client.Status(t.Context(), server.URL())
	if err != nil || status.DbSize > worthwhile/2 {
		t.Errorf("the database has %d bytes, error %v", status.DbSize, err)
	}
}
