// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"net"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/test/stream"
)

// client has connections of its own to the balancer.
func (b *balancer) client(t *testing.T) versioned.Interface {
	t.Helper()
	dialer := &net.Dialer{}
	config := rest.CopyConfig(b.servers[0].config())
	config.Host, config.Dial = "https://"+b.Addr().String(), dialer.DialContext
	client, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Each of three servers is restarted, as a rollout does it, while clients write and watch. client-go tries again by itself what
// a server that ends turns away; beyond that no request fails, and no watch misses an object or its last state.
func TestRollingRestartLosesNothing(t *testing.T) {
	cert := newCertificate(t)
	etcd := newEtcd(t, cert)
	var servers []*server
	for range 3 {
		s := newServer(t, cert, append(etcd.flags(), "--goaway-chance=0.01")...)
		s.start(t)
		servers = append(servers, s)
	}
	b := newBalancer(t, servers...)
	eventually(t, "all servers are ready", func() bool { return b.ready[0].Load() && b.ready[1].Load() && b.ready[2].Load() })

	objects := &stream.Stream{Namespace: namespace}
	var watchers []*stream.Watcher
	for range 3 {
		watchers = append(watchers, objects.Watch(t, b.client(t)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer func() {
		stop()
		group.Wait()
	}()
	for i := range writers {
		client := b.client(t)
		group.Go(func() { objects.Write(ctx, t, client, i) })
	}
	goOn := func() {
		target := objects.Writes() + 50
		eventually(t, "writes go on", func() bool { return objects.Writes() >= target })
	}
	for _, s := range servers {
		goOn()
		if err := s.terminate(); err != nil {
			t.Errorf("the server ended with %v:\n%s", err, s.output.String())
		}
		s.start(t)
	}
	goOn()
	stop()
	group.Wait()

	for _, watcher := range watchers {
		eventually(t, "the watcher has seen all", func() bool { return watcher.Complete(objects) })
	}
	for i := range servers {
		t.Logf("server %d had %d connections", i, b.connections[i].Load())
		if b.connections[i].Load() == 0 {
			t.Errorf("server %d was never used", i)
		}
	}
	t.Logf("%d writes, none failed", objects.Writes())
}
