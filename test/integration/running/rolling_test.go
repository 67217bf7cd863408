// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
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

	var watchers []*watcher
	for range 3 {
		watchers = append(watchers, follow(t, b.client(t)))
	}
	w := &stream{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	for i := range writers {
		client := b.client(t)
		group.Go(func() { w.run(ctx, t, client, i) })
	}
	for _, s := range servers {
		written := w.count.Load() + 50
		eventually(t, "writes go on", func() bool { return w.count.Load() >= written })
		if err := s.terminate(); err != nil {
			t.Errorf("the server ended with %v:\n%s", err, s.output.String())
		}
		s.start(t)
	}
	written := w.count.Load() + 50
	eventually(t, "writes go on", func() bool { return w.count.Load() >= written })
	stop()
	group.Wait()

	for _, seen := range watchers {
		eventually(t, "the watcher has seen all", func() bool { return seen.complete(w.names()) })
		if added := seen.added.Load(); added != int64(len(w.names())) {
			t.Errorf("of %d objects %d were announced", len(w.names()), added)
		}
	}
	for i := range servers {
		t.Logf("server %d had %d connections", i, b.connections[i].Load())
		if b.connections[i].Load() == 0 {
			t.Errorf("server %d was never used", i)
		}
	}
	t.Logf("%d writes, none failed", w.count.Load())
}

// stream makes objects and changes each once.
type stream struct {
	count atomic.Int64

	mu   sync.Mutex
	made sets.Set[string]
}

func (w *stream) run(ctx context.Context, t *testing.T, client versioned.Interface, writer int) {
	profiles := client.ReplayV1alpha1().ReplayProfiles(namespace)
	for n := 0; ctx.Err() == nil; n++ {
		object := &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: name(name("stream", writer), n)}}
		// Not the context of the stream: what was begun is ended.
		created, err := profiles.Create(t.Context(), object, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("creating %s: %v", object.Name, err)
			return
		}
		w.add(created.Name)
		created.Labels = map[string]string{valueLabel: "changed"}
		if _, err := profiles.Update(t.Context(), created, metav1.UpdateOptions{}); err != nil {
			t.Errorf("updating %s: %v", object.Name, err)
			return
		}
		w.count.Add(2)
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond): // the pace of the stream
		}
	}
}

func (w *stream) add(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made == nil {
		w.made = sets.New[string]()
	}
	w.made.Insert(name)
}

func (w *stream) names() sets.Set[string] {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made.Clone()
}

// watcher is an informer and how many objects it announced.
type watcher struct {
	cache.SharedIndexInformer
	added atomic.Int64
}

func follow(t *testing.T, client versioned.Interface) *watcher {
	t.Helper()
	factory := externalversions.NewSharedInformerFactory(client, 0)
	w := &watcher{SharedIndexInformer: factory.Replay().V1alpha1().ReplayProfiles().Informer()}
	if _, err := w.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { w.added.Add(1) }}); err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return w
}

// complete tells whether all objects are there, in their last state.
func (w *watcher) complete(names sets.Set[string]) bool {
	for name := range names {
		object, found, _ := w.GetStore().GetByKey(namespace + "/" + name)
		if !found || object.(*v1alpha1.ReplayProfile).Labels[valueLabel] != "changed" {
			return false
		}
	}
	return true
}
