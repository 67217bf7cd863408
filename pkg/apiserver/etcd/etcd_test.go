// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// shortDir is a directory whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "etcd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	server, err := Start(t.Context(), Options{DataDir: dir, QuotaBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func connect(t *testing.T, server *Server) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestDataOutlivesTheServer(t *testing.T) {
	dir := shortDir(t)
	first := start(t, dir)
	if _, err := connect(t, first).Put(t.Context(), "key", "value"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, dir)
	defer second.Close()
	response, err := connect(t, second).Get(t.Context(), "key")
	if err != nil || len(response.Kvs) != 1 || string(response.Kvs[0].Value) != "value" {
		t.Errorf("after a restart: %v, error %v", response, err)
	}
}

// Nothing but files of the data directory leads to etcd: sidecars in the pod share its network, not its files.
func TestListensInTheDataDirectoryOnly(t *testing.T) {
	dir := shortDir(t)
	server := start(t, dir)
	defer server.Close()
	names := listeners(t)
	for _, name := range names {
		if !strings.HasPrefix(name, dir+"/") {
			t.Errorf("listens on %q", name)
		}
	}
	if len(names) != 2 {
		t.Errorf("listens on %v, want a socket for clients and one for peers", names)
	}
}

// listeners are the names of the unix sockets on which this process listens.
func listeners(t *testing.T) (names []string) {
	t.Helper()
	own := map[string]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil { // else it was closed meanwhile
			own[target] = true
		}
	}
	data, err := os.ReadFile("/proc/self/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	const listening = "00010000" // the column Flags
	for line := range strings.Lines(string(data)) {
		columns := strings.Fields(line)
		if len(columns) >= 8 && columns[3] == listening && own["socket:["+columns[6]+"]"] {
			names = append(names, columns[7])
		}
	}
	return names
}

func TestSecondServerIsToldWhy(t *testing.T) {
	defer func(d time.Duration) { lockTimeout = d }(lockTimeout)
	lockTimeout = time.Millisecond
	dir := shortDir(t)
	server := start(t, dir)
	defer server.Close()
	_, err := Start(t.Context(), Options{DataDir: dir, QuotaBytes: 64 << 20})
	if err == nil || !strings.Contains(err.Error(), "another restage-apiserver has used the data directory") {
		t.Errorf("error %v", err)
	}
}

func TestLongDirectoryIsRefused(t *testing.T) {
	_, err := Start(t.Context(), Options{DataDir: filepath.Join(shortDir(t), strings.Repeat("x", 100))})
	if err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("error %v", err)
	}
}
