// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"
	"time"
)

func newLeaves(t *testing.T) (*Leaves, Authority) {
	t.Helper()
	ca, err := New("test", 30*24*time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := NewLeaves(ca)
	if err != nil {
		t.Fatal(err)
	}
	return leaves, ca
}

func TestLeavesAreSignedOnce(t *testing.T) {
	leaves, ca := newLeaves(t)
	certificates := make([]*tls.Certificate, 16)
	var all sync.WaitGroup
	for i := range certificates {
		all.Go(func() { certificates[i], _ = leaves.Certificate(&tls.ClientHelloInfo{ServerName: "API.example"}) })
	}
	all.Wait()
	for _, c := range certificates {
		if c == nil || c != certificates[0] {
			t.Fatal("a name has more than one certificate")
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	if _, err := certificates[0].Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "api.example"}); err != nil {
		t.Error(err)
	}
	if _, err := leaves.Certificate(&tls.ClientHelloInfo{}); err == nil {
		t.Error("there is a certificate for no name")
	}
}

func TestLeavesAreRenewed(t *testing.T) {
	leaves, ca := newLeaves(t)
	first, err := leaves.For("api.example")
	if err != nil {
		t.Fatal(err)
	}
	leaves.now = func() time.Time { return time.Now().Add(leafLifetime) }
	second, err := leaves.For("api.example")
	if err != nil || second == first || !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("the certificate was not renewed: %v", err)
	}
	leaves.now = func() time.Time { return ca.Certificate.NotAfter.Add(-time.Minute) }
	if last, err := leaves.For("api.example"); err != nil || last.Leaf.NotAfter.After(ca.Certificate.NotAfter) {
		t.Errorf("a certificate outlives its CA: %v", err)
	}
}
