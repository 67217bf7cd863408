// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package rotation has the certificates of the servers rotate every few seconds while clients, each with a new connection for every
// request, call them all the time.
package rotation

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/certs"
)

const (
	namespace = "restage-system"
	// rotations are the CAs that a test waits for before it deletes the Secret.
	rotations = 3
	deadline  = 4 * time.Minute
	clients   = 3
)

// lifetimes have the certificate renewed every four seconds and the CA every twelve. What clients know of the CAs is half as old as
// settling allows; the other half is for a busy machine.
var (
	lifetimes = certs.Lifetimes{CA: 18 * time.Second, Certificate: 6 * time.Second, Settle: 4 * time.Second}
	lag       = lifetimes.Settle / 2
)

// trustFile is the CAs as clients know them: each change of the ConfigMap comes late into the file, as the kubelet brings it to pods.
func trustFile(ctx context.Context, t *testing.T, group *sync.WaitGroup, host kubernetes.Interface, configMap string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), certs.CAKey)
	known := published(t, host, configMap)
	replace(t, path, known)
	group.Go(func() {
		ticker := time.NewTicker(lag / 20)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			bundle := published(t, host, configMap)
			if bundle == known {
				continue
			}
			known = bundle
			late := time.NewTimer(lag)
			group.Go(func() {
				defer late.Stop()
				select {
				case <-ctx.Done():
				case <-late.C:
					replace(t, path, bundle)
				}
			})
		}
	})
	return path
}

func published(t *testing.T, host kubernetes.Interface, configMap string) string {
	object, err := host.CoreV1().ConfigMaps(namespace).Get(context.Background(), configMap, metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return ""
	}
	return object.Data[certs.CAKey]
}

// replace writes a file at once, as the kubelet does.
func replace(t *testing.T, path, content string) {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Error(err)
		return
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Error(err)
	}
}

// deleteSecret asks for another CA.
func deleteSecret(t *testing.T, host kubernetes.Interface, name string) {
	t.Helper()
	if err := host.CoreV1().Secrets(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// issuers are the CAs whose certificates were shown.
type issuers struct {
	mu    sync.Mutex
	names map[string]bool
}

func (i *issuers) add(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.names == nil {
		i.names = map[string]bool{}
	}
	i.names[name] = true
}

func (i *issuers) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.names)
}

// waitFor waits until certificates of so many CAs were shown, or a request has failed.
func (i *issuers) waitFor(t *testing.T, want int) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); i.count() < want && !t.Failed(); <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("certificates of %d CAs were shown in %v, want %d", i.count(), deadline, want)
		}
	}
}
