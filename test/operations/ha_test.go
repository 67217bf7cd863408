// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package operations

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/restage-dev/restage/test/kube"
	"github.com/restage-dev/restage/test/stream"
)

const (
	etcdNamespace = "e2e-etcd"
	writers       = 4
	// The two versions of the images that hack/e2e-operations.sh has loaded.
	current, next = "dev", "next"
)

// TestHighAvailability restarts the servers and upgrades the whole installation, under writes and watches through kube-apiserver as users
// do them: no request is lost that client-go does not try again by itself, and no event. However the installation goes, it leaves nothing.
func TestHighAvailability(t *testing.T) {
	cert, key := certificate(t)
	startEtcd(t, cert, key)
	before := kube.TakeSnapshot(t)
	t.Cleanup(func() { kube.CleanUp(t, cleanUpTime, "restage", "uninstall", "--rescue", "--yes") })
	installHA(t, current, cert, key)
	t.Cleanup(func() {
		kube.CleanUp(t, cleanUpTime, "delete", "namespace", namespace, "--ignore-not-found", "--timeout=3m")
	})
	kube.Kubectl(t, "create", "namespace", namespace)
	t.Run("under load", func(t *testing.T) { // watches end with it
		underLoad(t, func() { kube.Kubectl(t, "-n", system, "rollout", "restart", apiserver) }, func() { apply(t, next) })
	})
	awaitVersion(t, next)
	kube.Kubectl(t, "delete", "namespace", namespace, "--timeout=2m")
	kube.Kubectl(t, "restage", "uninstall", "--yes")
	before.SameAs(t, patience)

	installHA(t, next, cert, key)
	kube.Kubectl(t, "delete", "namespace", system, "--timeout=2m")
	before.SameAs(t, patience)
}

// awaitVersion waits until all that runs is of a version, and nothing of another.
func awaitVersion(t *testing.T, version string) {
	t.Helper()
	for _, name := range []string{"restage-apiserver", "restage-controller", "restage-forwarder"} {
		kube.Eventually(t, patience, name+" is of version "+version, func() (bool, string) {
			state := kube.Kubectl(t, "-n", system, "get", "deployment", name, "-o",
				"jsonpath={.spec.template.spec.containers[0].image} {.status.updatedReplicas}/{.status.readyReplicas}/{.spec.replicas}/{.status.replicas}")
			image, counts, _ := strings.Cut(state, " ")
			count := strings.Split(counts, "/")
			return strings.HasSuffix(image, ":"+version) && count[0] == count[1] && count[1] == count[2] && count[2] == count[3], state
		})
	}
}

// installHA installs three servers and two controllers of a version and waits until the API is there.
func installHA(t *testing.T, version, cert, key string) {
	t.Helper()
	kube.Kubectl(t, "create", "namespace", system)
	makeEtcdSecret(t, system, cert, key)
	apply(t, version)
	awaitServer(t)
	awaitPods(t, 3)
}

// apply is kubectl restage install --ha | kubectl apply -f -.
func apply(t *testing.T, version string) {
	t.Helper()
	kube.MustApply(t, kube.Kubectl(t, "restage", "install", "--ha", "--etcd-servers", "https://restage-etcd."+etcdNamespace+".svc:2379",
		"--registry", "localhost", "--tag", version))
}

// underLoad makes changes to the servers, one after the other, while objects are written and watched.
func underLoad(t *testing.T, changes ...func()) {
	t.Helper()
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
	for _, change := range changes {
		before := objects.Writes()
		change()
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
func makeEtcdSecret(t *testing.T, namespace, cert, key string) {
	t.Helper()
	kube.Kubectl(t, "-n", namespace, "create", "secret", "generic", "restage-etcd-client", "--type=kubernetes.io/tls",
		"--from-file=ca.crt="+cert, "--from-file=tls.crt="+cert, "--from-file=tls.key="+key)
}

// startEtcd starts the etcd of the user.
func startEtcd(t *testing.T, cert, key string) {
	t.Helper()
	t.Cleanup(func() { kube.CleanUp(t, cleanUpTime, "delete", "namespace", etcdNamespace, "--timeout=3m") })
	kube.Kubectl(t, "create", "namespace", etcdNamespace)
	makeEtcdSecret(t, etcdNamespace, cert, key)
	manifest, err := os.ReadFile("etcd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kube.MustApply(t, string(manifest))
	kube.Kubectl(t, "-n", etcdNamespace, "rollout", "status", "statefulset/restage-etcd", "--timeout=3m")
	// which says so a moment after the pod does, and is part of the cluster as it was before
	kube.Kubectl(t, "-n", etcdNamespace, "wait", "endpointslice", "-l", "kubernetes.io/service-name=restage-etcd", "--for=jsonpath={.endpoints[0].conditions.ready}=true", "--timeout=1m")
}
