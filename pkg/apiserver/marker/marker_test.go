// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package marker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/apiserver/etcd"
)

const (
	namespace = "restage-system"
	key       = "/registry/store-id"
)

func newStore(t *testing.T) *clientv3.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "marker")
	if err != nil {
		t.Fatal(err)
	}
	server, err := etcd.Start(t.Context(), etcd.Options{DataDir: dir, QuotaBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), server.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return client
}

func (m Marker) data(t *testing.T) map[string]string {
	t.Helper()
	configMap, err := m.configMaps().Get(t.Context(), ConfigMapName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return configMap.Data
}

func (m Marker) forget(t *testing.T) {
	t.Helper()
	if err := m.configMaps().Delete(t.Context(), ConfigMapName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, m Marker, parts ...string) {
	t.Helper()
	_, err := m.Verify(t.Context())
	if !errors.Is(err, ErrNotOurs) {
		t.Fatalf("error %v", err)
	}
	for _, part := range append(parts, "Restore a backup", "delete ConfigMap restage-system/restage-apiserver-store") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
}

func TestStoreIsRecognized(t *testing.T) {
	m := Marker{Host: fake.NewClientset(), Namespace: namespace, Store: newStore(t), Key: key}
	first, err := m.Verify(t.Context())
	if err != nil || first == "" {
		t.Fatalf("the new store has ID %q, error %v", first, err)
	}
	if data := m.data(t); data[keyID] != first || data[keyRevision] == "" {
		t.Errorf("the ConfigMap has %v", data)
	}
	if again, err := m.Verify(t.Context()); err != nil || again != first {
		t.Errorf("the second time its ID is %q, error %v", again, err)
	}
	m.forget(t)
	if again, err := m.Verify(t.Context()); err != nil || again != first || m.data(t)[keyID] != first {
		t.Errorf("without the ConfigMap its ID is %q, error %v", again, err)
	}
}

func TestLostAndForeignStoresAreRefused(t *testing.T) {
	m := Marker{Host: fake.NewClientset(), Namespace: namespace, Store: newStore(t), Key: key}
	id, err := m.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	refused(t, m, "store "+id+" was here and is lost")
	if kvs, err := m.Store.Get(t.Context(), key); err != nil || len(kvs.Kvs) != 0 {
		t.Errorf("the lost store was given an ID: %v, error %v", kvs, err)
	}
	if _, err := m.Store.Put(t.Context(), key, "other"); err != nil {
		t.Fatal(err)
	}
	refused(t, m, "store "+id+" was here, this one is other")
	m.forget(t)
	if id, err := m.Verify(t.Context()); err != nil || id != "other" {
		t.Errorf("without the ConfigMap the ID is %q, error %v", id, err)
	}
}

func TestStoreThatWentBackIsRefused(t *testing.T) {
	m := Marker{Host: fake.NewClientset(), Namespace: namespace, Store: newStore(t), Key: key}
	if _, err := m.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	put, err := m.Store.Put(t.Context(), "/registry/x", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	if revision := m.data(t)[keyRevision]; revision != fmt.Sprint(put.Header.Revision) {
		t.Errorf("recorded revision %s of %d", revision, put.Header.Revision)
	}
	configMap, err := m.configMaps().Get(t.Context(), ConfigMapName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	configMap.Data[keyRevision] = "1000"
	if _, err := m.configMaps().Update(t.Context(), configMap, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	refused(t, m, "gone back in time, from revision 1000 to ")
	ending, end := context.WithCancel(t.Context())
	end() // it records once more
	if err := m.Run(ending); !errors.Is(err, ErrNotOurs) {
		t.Errorf("a running server got %v", err)
	}
}

func TestDamagedConfigMapIsNamed(t *testing.T) {
	m := Marker{Host: fake.NewClientset(), Namespace: namespace, Store: newStore(t), Key: key}
	if _, err := m.create(t.Context(), "", 5); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "id and revision must be") {
		t.Errorf("error %v", err)
	}
}

// Three replicas come up at once on a new store.
func TestReplicasAgree(t *testing.T) {
	m := Marker{Host: fake.NewClientset(), Namespace: namespace, Store: newStore(t), Key: key}
	ids := make([]string, 8)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			id, err := m.Verify(t.Context())
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
			for range 5 {
				if err := m.Record(t.Context()); err != nil && !raced(err) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("IDs %v", ids)
		}
	}
	if _, err := m.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
