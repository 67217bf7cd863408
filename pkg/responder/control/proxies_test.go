// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"testing"
	"time"
)

// A connection that was being opened when its proxy died went nowhere; one of a proxy that lives is not decided yet.
func TestConnectionsOfTheDead(t *testing.T) {
	now := time.Now()
	p := newProxies(func() time.Time { return now })
	put := func(pod, instance string) {
		t.Helper()
		if err := p.put(Proxy{Pod: pod, Instance: instance, Attempted: 5, Answered: 3, Refused: 1}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want ...uint64) {
		t.Helper()
		all := p.all()
		if len(all) != len(want) {
			t.Fatalf("%+v, want %d", all, len(want))
		}
		for i, proxy := range all {
			if proxy.Refused != want[i] || proxy.Attempted != 5 || proxy.Answered != 3 {
				t.Errorf("%+v, want %d refused", proxy, want[i])
			}
		}
	}
	put("front-1", "01A")
	put("front-2", "01A")
	refused(1, 1)
	put("front-1", "01B") // started anew
	refused(2, 1, 1)
	put("front-1", "01A") // a report that comes late
	refused(2, 1, 1)
	now = now.Add(silence + time.Second)
	put("front-2", "01A")
	refused(2, 2, 1)
	put("front-1", "01B") // it was only slow
	refused(2, 1, 1)
}
