// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package operations

import (
	"context"
	"sync"
	"testing"

	"github.com/restage-dev/restage/test/kube"
	"github.com/restage-dev/restage/test/stream"
)

const (
	writers  = 4
	rollouts = 2
)

// A rollout of the servers, through kube-apiserver as users see it, loses no request that client-go does not try again by
// itself, and no event.
func TestHighAvailability(t *testing.T) {
	makeEtcdSecret(t)
	install(t, "manifests")
	awaitPods(t, 3)
	objects := &stream.Stream{Namespace: namespace}
	var watchers []*stream.Watcher
	for range 3 {
		watchers = append(watchers, objects.Watch(t, client(t)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer func() {
		stop()
		group.Wait()
	}()
	for i := range writers {
		client := client(t)
		group.Go(func() { objects.Write(ctx, t, client, i) })
	}
	for range rollouts {
		before := objects.Writes()
		kube.Kubectl(t, "-n", system, "rollout", "restart", apiserver)
		kube.Kubectl(t, "-n", system, "rollout", "status", apiserver, "--timeout=5m")
		awaitPods(t, 3)
		t.Logf("%d writes during a rollout", objects.Writes()-before)
		if objects.Writes() == before {
			t.Error("there were no writes")
		}
	}
	stop()
	group.Wait()
	for _, watcher := range watchers {
		kube.Eventually(t, patience, "the watcher has seen all", func() (bool, string) { return watcher.Complete(objects), "" })
	}
	t.Logf("%d writes in all, none failed", objects.Writes())
}

// makeEtcdSecret makes what the servers, and in this test etcd as well, prove themselves with.
func makeEtcdSecret(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "apply", "-f", "../../artifacts/base/namespace.yaml")
	cert, key := certificate(t)
	kube.MustApply(t, kube.Kubectl(t, "-n", system, "create", "secret", "generic", "restage-etcd-client", "--type=kubernetes.io/tls",
		"--from-file=ca.crt="+cert, "--from-file=tls.crt="+cert, "--from-file=tls.key="+key, "--dry-run=client", "-o", "yaml"))
}
