// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

func newCA(t *testing.T, name string, lifetime time.Duration) authority.Authority {
	t.Helper()
	ca, err := authority.New(name, lifetime, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func certificates(t *testing.T, path ...string) []*x509.Certificate {
	t.Helper()
	list, err := ReadCertificates(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFilesOfTrust(t *testing.T) {
	dir, ours, added := t.TempDir(), newCA(t, "ours", time.Hour), newCA(t, "company", time.Hour).Certificate
	issuer, err := Prepare(dir, authority.List{ours}, []*x509.Certificate{added}, time.Now())
	if err != nil || !issuer.Certificate.Equal(ours.Certificate) {
		t.Fatalf("the issuer is %v, %v", issuer.Certificate, err)
	}
	if alone := certificates(t, dir, wiring.TrustCA); len(alone) != 1 || !alone[0].Equal(ours.Certificate) {
		t.Errorf("%s holds %d certificates, want ours alone", wiring.TrustCA, len(alone))
	}
	all := certificates(t, dir, wiring.TrustBundle)
	if n := len(all); n < 100 || !all[n-2].Equal(added) || !all[n-1].Equal(ours.Certificate) {
		t.Errorf("the bundle holds %d certificates, want the public ones, the added one and ours", n)
	}
	store, err := os.ReadFile(filepath.Join(dir, wiring.TrustStore))
	if err != nil {
		t.Fatal(err)
	}
	if java, err := pkcs12.DecodeTrustStore(store, wiring.TrustStorePassword); err != nil || len(java) != len(all) {
		t.Errorf("Java is told of %d certificates, %v, want %d", len(java), err, len(all))
	}
}

// A workload reads whom it trusts when it starts, so a successor of the CA is for pods to come.
func TestRunningWorkloadKeepsItsCA(t *testing.T) {
	dir, first, second := t.TempDir(), newCA(t, "first", time.Hour), newCA(t, "second", time.Hour)
	for _, known := range []authority.List{{first}, {first}, {second, first}} {
		issuer, err := Prepare(dir, known, nil, time.Now())
		if err != nil || !issuer.Certificate.Equal(first.Certificate) {
			t.Fatalf("of %d CAs %v signs, %v; want the first", len(known), issuer.Certificate.Subject, err)
		}
	}
	if issuer, err := Prepare(t.TempDir(), authority.List{second, first}, nil, time.Now()); err != nil || !issuer.Certificate.Equal(second.Certificate) {
		t.Errorf("in a new pod %v signs, %v; want the second", issuer.Certificate.Subject, err)
	}
	// The Secret was deleted: there is no way to go on signing with the old one.
	if issuer, err := Prepare(dir, authority.List{second}, nil, time.Now()); err != nil || !issuer.Certificate.Equal(second.Certificate) {
		t.Errorf("without the first %v signs, %v; want the second", issuer.Certificate.Subject, err)
	}
}

func TestNobodySigns(t *testing.T) {
	for name, known := range map[string]authority.List{"none": nil, "expired": {newCA(t, "old", time.Second)}} {
		dir := t.TempDir()
		if _, err := Prepare(dir, known, nil, time.Now().Add(time.Minute)); !errors.Is(err, ErrNoCA) {
			t.Errorf("%s: error %v", name, err)
		}
		if all := certificates(t, dir, wiring.TrustBundle); len(all) < 100 {
			t.Errorf("%s: the workload is told of %d certificates", name, len(all))
		}
	}
}

func TestRootsTrustWhatIsAdded(t *testing.T) {
	company := newCA(t, "company", time.Hour)
	leaf, _, err := company.Issue([]string{"api.example"}, nil, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, added := range [][]*x509.Certificate{nil, {company.Certificate}} {
		pool, err := Roots(added)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "api.example"}); (err == nil) != (len(added) > 0) {
			t.Errorf("with %d added: %v", len(added), err)
		}
	}
}

func TestBadCertificates(t *testing.T) {
	for _, text := range []string{"", "none", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if list, err := ParseCertificates([]byte(text)); err == nil {
			t.Errorf("%q: %d certificates", text, len(list))
		}
	}
}
