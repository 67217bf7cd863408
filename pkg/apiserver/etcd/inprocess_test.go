// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
)

func inProcessClient(t *testing.T, server *Server) *kubernetes.Client {
	t.Helper()
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestReadsAndTransactionsNeedNoSocket(t *testing.T) {
	server := start(t, shortDir(t))
	defer server.Close()
	if err := os.Remove(server.socket); err != nil { // nobody finds it any more
		t.Fatal(err)
	}
	client := inProcessClient(t, server)
	put, err := client.Kubernetes.OptimisticPut(t.Context(), "key", []byte("value"), 0, kubernetes.PutOptions{})
	if err != nil || !put.Succeeded {
		t.Fatalf("put: %+v, error %v", put, err)
	}
	read, err := client.Kubernetes.Get(t.Context(), "key", kubernetes.GetOptions{})
	if err != nil || string(read.KV.Value) != "value" || read.KV.ModRevision != put.Revision {
		t.Errorf("read %+v, error %v", read, err)
	}
	conflict, err := client.Kubernetes.OptimisticPut(t.Context(), "key", []byte("other"), put.Revision-1, kubernetes.PutOptions{GetOnFailure: true})
	if err != nil || conflict.Succeeded || string(conflict.KV.Value) != "value" {
		t.Errorf("a put on an old revision: %+v, error %v", conflict, err)
	}
	deleted, err := client.Kubernetes.OptimisticDelete(t.Context(), "key", put.Revision, kubernetes.DeleteOptions{})
	if err != nil || !deleted.Succeeded {
		t.Errorf("delete: %+v, error %v", deleted, err)
	}
}

// What is read by calls and what is watched over the socket are one.
func TestWatchesSeeWhatIsWrittenInProcess(t *testing.T) {
	server := start(t, shortDir(t))
	defer server.Close()
	client := inProcessClient(t, server)
	put, err := client.Kubernetes.OptimisticPut(t.Context(), "key", []byte("value"), 0, kubernetes.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	event := <-connect(t, server).Watch(t.Context(), "key", clientv3.WithRev(put.Revision))
	if len(event.Events) != 1 || string(event.Events[0].Kv.Value) != "value" {
		t.Errorf("event %+v", event)
	}
}

func TestEndedCallsSayWhy(t *testing.T) {
	server := start(t, shortDir(t))
	defer server.Close()
	client := inProcessClient(t, server)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Kubernetes.OptimisticPut(ended, "key", []byte("value"), 0, kubernetes.PutOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// etcd ends as a whole when somebody calls it after its database has been closed.
func TestCallsWhileItCloses(t *testing.T) {
	server := start(t, shortDir(t))
	client := inProcessClient(t, server)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for {
				if _, err := client.Kubernetes.Get(t.Context(), "key", kubernetes.GetOptions{}); err != nil {
					return
				}
			}
		})
	}
	if _, err := client.Kubernetes.Get(t.Context(), "key", kubernetes.GetOptions{}); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	callers.Wait()
}
