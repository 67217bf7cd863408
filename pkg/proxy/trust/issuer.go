// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

// ErrNoCA says that there is no CA to sign with.
var ErrNoCA = errors.New("there is no CA")

// ReadCA reads the CAs of a namespace with their keys from the directory of a mounted Secret, newest first.
func ReadCA(dir string) (authority.List, error) {
	certificates, err := ReadFile(filepath.Join(dir, wiring.TLSCACertificate))
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%w in %s", ErrNoCA, dir)
	}
	if err != nil {
		return nil, err
	}
	keys, err := ReadFile(filepath.Join(dir, wiring.TLSCAKey))
	if err != nil {
		return nil, err
	}
	list, err := authority.Parse(certificates, keys)
	if err != nil {
		return nil, fmt.Errorf("reading the CA in %s: %w", dir, err)
	}
	return list, nil
}

// Prepare writes whom a workload is to trust and returns the CA that signs for it. Workloads read whom they trust when they start. So a proxy
// that starts anew beside a running workload signs with the newest CA that it was told of, and a new one is for pods to come.
func Prepare(dir string, known authority.List, added []*x509.Certificate, now time.Time) (authority.Authority, error) {
	told, err := ReadCertificates(filepath.Join(dir, wiring.TrustCA))
	if _, last := os.Stat(filepath.Join(dir, wiring.TrustBundle)); err != nil || last != nil {
		told = nil // what is there is not whole; it is written anew
	}
	for _, a := range known {
		if now.Before(a.Certificate.NotAfter) && slices.ContainsFunc(told, a.Certificate.Equal) {
			return a, nil
		}
	}
	known = slices.DeleteFunc(slices.Clone(known), func(a authority.Authority) bool { return !now.Before(a.Certificate.NotAfter) })
	var ours []*x509.Certificate
	for _, a := range known {
		ours = append(ours, a.Certificate)
	}
	if err := Write(dir, ours, added); err != nil {
		return authority.Authority{}, err
	}
	if len(known) == 0 {
		return authority.Authority{}, ErrNoCA
	}
	return known[0], nil
}
