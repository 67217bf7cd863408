// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/lru"
)

const (
	// leafLifetime is short: a leaf lives in the memory of one process.
	leafLifetime = 7 * 24 * time.Hour
	// mostLeaves are kept; a name that was not asked for longest is signed anew.
	mostLeaves = 1024
)

// Leaves makes certificates for whatever name is asked for, each once, with one key for all: signing is then all the work.
type Leaves struct {
	issuer Authority
	key    crypto.Signer
	cache  *lru.Cache // of *tls.Certificate by name
	flight singleflight.Group
	now    func() time.Time
}

// NewLeaves returns a source of certificates that a CA signs.
func NewLeaves(issuer Authority) (*Leaves, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return &Leaves{issuer: issuer, key: key, cache: lru.New(mostLeaves), now: time.Now}, nil
}

// Certificate returns a certificate for the name that a client asks for. It is for tls.Config.GetCertificate.
func (l *Leaves) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		return nil, errors.New("the client names no server")
	}
	return l.For(strings.ToLower(hello.ServerName))
}

// For returns a certificate for a DNS name in lower case.
func (l *Leaves) For(name string) (*tls.Certificate, error) {
	if kept := l.kept(name); kept != nil {
		return kept, nil
	}
	made, err, _ := l.flight.Do(name, func() (any, error) {
		if kept := l.kept(name); kept != nil { // made since it was looked for
			return kept, nil
		}
		leaf, err := l.issuer.Certify(l.key.Public(), []string{name}, nil, leafLifetime, l.now())
		if err != nil {
			return nil, err
		}
		certificate := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: l.key, Leaf: leaf}
		l.cache.Add(name, certificate)
		return certificate, nil
	})
	if err != nil {
		return nil, err
	}
	return made.(*tls.Certificate), nil
}

// kept returns the certificate that was made for a name, nil when there is none or it is to be renewed.
func (l *Leaves) kept(name string) *tls.Certificate {
	kept, ok := l.cache.Get(name)
	if !ok || Due(kept.(*tls.Certificate).Leaf, l.now()) {
		return nil
	}
	return kept.(*tls.Certificate)
}
