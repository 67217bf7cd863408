// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Without GOAWAY a client stays with the server that it found first.
func TestGoawayMovesClients(t *testing.T) {
	cert := newCertificate(t)
	for _, c := range []struct {
		chance string
		moves  bool
	}{{"0", false}, {"0.02", true}} {
		s := newServer(t, cert, "--data-dir="+shortDir(t), "--goaway-chance="+c.chance)
		s.start(t)
		b := newBalancer(t, s)
		eventually(t, "the server is ready", b.ready[0].Load)
		profiles := b.client(t).ReplayV1alpha1().ReplayProfiles(namespace)
		for range 1000 { // that none is chosen has a chance of 1 in 5 * 10^8
			if _, err := profiles.List(t.Context(), metav1.ListOptions{ResourceVersion: "0"}); err != nil {
				t.Fatal(err)
			}
		}
		if connections := b.connections[0].Load(); connections > 1 != c.moves {
			t.Errorf("with a chance of %s there were %d connections", c.chance, connections)
		}
	}
}
