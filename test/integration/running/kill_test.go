// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"testing"
	"time"
)

// between is how many writes are acknowledged before the next kill.
const between = 20

// The embedded etcd dies with the server.
func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	s := newServer(t, newCertificate(t), "--data-dir="+shortDir(t))
	s.start(t)
	surviveKills(t, s, func() {
		s.kill()
		s.start(t)
	})
}

// The server stays, and comes back by itself when its etcd does.
func TestNothingAcknowledgedIsLostWhenEtcdIsKilled(t *testing.T) {
	cert := newCertificate(t)
	etcd := newEtcd(t, cert)
	s := newServer(t, cert, etcd.flags()...)
	s.start(t)
	surviveKills(t, s, func() {
		etcd.kill()
		etcd.start(t)
	})
}

// surviveKills kills in the middle of writes, again and again.
func surviveKills(t *testing.T, s *server, kill func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := &ledger{client: s.client(t).ReplayV1alpha1().ReplayProfiles(namespace)}
	group := l.write(ctx)
	begin := time.Now()
	for range *kills {
		target := l.acknowledged.Load() + between
		eventually(t, "writes are acknowledged", func() bool { return l.acknowledged.Load() >= target })
		kill()
	}
	target := l.acknowledged.Load() + between
	eventually(t, "writes are acknowledged at the end", func() bool { return l.acknowledged.Load() >= target })
	stop()
	group.Wait()
	l.verify(t)
	t.Logf("%d kills in %v: %d writes acknowledged, %d without an answer", *kills, time.Since(begin).Round(time.Second), l.acknowledged.Load(), l.failed.Load())
	if l.failed.Load() == 0 {
		t.Error("no write was interrupted, so the kills were not in the middle of writes")
	}
}
