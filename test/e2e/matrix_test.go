// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/kubernetes"

	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/test/kube"
)

// restless puts a container beside the front that, in a copy only, never stops trying to get out.
var restless = []string{
	"      volumes: [{name: data, emptyDir: {}}]\n",
	"      - {name: restless, image: \"localhost/restage/restless:dev\", imagePullPolicy: IfNotPresent}\n" +
		"      volumes: [{name: data, emptyDir: {}}]\n",
	"terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 5", // so that what leaves can still be killed
}

// matrix is what all rows of the table share: a recorded workload, one snapshot of it, and a watch over everything.
type matrix struct {
	*shop
	client  kubernetes.Interface
	restage clientset.Interface
	watch   *watcher
	packets *wire

	// standing is an environment that is ready, leaving one that will be deleted next.
	standing, leaving string

	before     kube.Snapshot         // of the whole cluster
	spec       appsv1.DeploymentSpec // of the live workload
	generation int64
	pods       int   // of the live workload, at the beginning
	rolls      int64 // of the live workload by the test itself
}

// TestFaultMatrix kills each part while one environment is being prepared, one is ready, a replay runs in one and one is being torn down,
// all at the same time. The live workload is rolled and scaled meanwhile, and so is the copy that stands. A container of each
// copy tries all the time to get out by every way there is.
func TestFaultMatrix(t *testing.T) {
	m := openMatrix(t)
	for _, f := range faults {
		if !t.Run(f.part, func(t *testing.T) { m.row(t, f) }) {
			break // what stands may not be what the next row needs
		}
	}
	t.Run("responder that hangs", m.responderHangs)
	m.close(t)
}

// row kills one part in every phase, and checks what is to hold of each.
func (m *matrix) row(t *testing.T, f fault) {
	replaying, preparing := f.part+"-replay", f.part+"-env"
	m.makeReplay(t, replaying)
	m.underway(t, replaying)
	m.makeEnvironment(t, preparing)
	m.deleteEnvironment(t, m.leaving)

	group, ctx := errgroup.WithContext(t.Context())
	if f.once != nil {
		group.Go(func() error { return f.once(m, ctx) })
	} else {
		for _, environment := range []string{preparing, m.standing, replaying, m.leaving} {
			group.Go(func() error { return f.each(m, ctx, environment) })
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	m.disturb(t)

	m.stands(t, m.standing)
	m.stands(t, preparing)
	m.gone(t, m.leaving)
	m.replayEnded(t, replaying, f)
	m.gone(t, replaying)
	m.untouched(t)
	m.leaving, m.standing = m.standing, preparing
}

func openMatrix(t *testing.T) *matrix {
	t.Helper()
	packets := tapNode(t)
	config := kube.Config(t)
	m := &matrix{shop: openShop(t, restless...), client: kubernetes.NewForConfigOrDie(config), restage: clientset.NewForConfigOrDie(config), packets: packets}
	m.shopSlowly(t)
	m.snapshot(t, "monday")
	m.closeBack(t)
	m.watch = watchPods(t, m.client, m.namespace)
	kube.MustApply(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: loose, namespace: %s, labels: {app: loose}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: restless, image: "localhost/restage/restless:dev", imagePullPolicy: IfNotPresent, env: [{name: RESTLESS, value: "yes"}]}]
`, m.namespace))
	live := m.front(t)
	m.spec, m.generation = live.Spec, live.Generation
	m.kubectl(t, "wait", "--for=delete", "pod/shopper", "--timeout=60s")
	m.before = kube.TakeSnapshot(t)
	m.leaving, m.standing = "first-env", "second-env"
	m.makeEnvironment(t, m.leaving)
	m.makeEnvironment(t, m.standing)
	m.stands(t, m.leaving)
	m.stands(t, m.standing)
	m.pods = m.watch.liveSeen()
	return m
}

// shopSlowly sends a few requests, at a rate that leaves time to disturb their replay.
func (m *matrix) shopSlowly(t *testing.T) {
	t.Helper()
	m.shop.client(t, "shopper", `curl -sS --rate 10/s -o /dev/null 'http://front:9898/echo?[1-100]' -d order`)
}
