// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package certs makes and rotates the serving certificate of a server in the cluster. The CA lives in a Secret that all
// replicas share, its public part in a ConfigMap that clients read; each replica keeps a certificate of its own in memory.
//
// A successor of the CA is published a day before it signs, so that no client meets a certificate of a CA unknown to it, and its
// predecessor is trusted for a day longer. Both are in the Secret, so that a restart in between changes nothing. Whoever deletes
// the Secret asks for a successor; what is known is written again.
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/authority"
)

const retryInterval = 10 * time.Second

// Options say where the CA is kept and what the certificate is for.
type Options struct {
	Namespace     string
	SecretName    string // the CA with its key
	ConfigMapName string // ca.crt, for clients
	// DNSNames are the names that the certificate is valid for; at least one.
	DNSNames    []string
	IPAddresses []net.IP
	// Lifetimes of the certificates; LifetimesOf(DefaultLifetime) when it is zero.
	Lifetimes Lifetimes
}

// ServiceNames are the DNS names by which clients in the cluster reach a Service.
func ServiceNames(service, namespace string) []string {
	name := service + "." + namespace + ".svc"
	return []string{name, service, service + "." + namespace, name + ".cluster.local"}
}

// Manager keeps a valid serving certificate. Sync must succeed once before it has one.
type Manager struct {
	client kubernetes.Interface
	opts   Options
	now    func() time.Time

	mu        sync.RWMutex
	current   *leaf
	known     authority.List
	bundle    []byte
	listeners []func()
}

// leaf is the serving certificate in its two forms and the CA that signed it.
type leaf struct {
	tls     *tls.Certificate
	certPEM []byte
	keyPEM  []byte
	issuer  []byte // DER of the CA
}

// NewManager returns a manager without a certificate.
func NewManager(client kubernetes.Interface, opts Options) *Manager {
	if opts.Lifetimes == (Lifetimes{}) {
		opts.Lifetimes = LifetimesOf(DefaultLifetime)
	}
	return &Manager{client: client, opts: opts, now: time.Now}
}

// Sync makes or renews the CA, its published form and the serving certificate, as far as each is due.
func (m *Manager) Sync(ctx context.Context) error {
	now := m.now()
	known, err := m.ensureAuthorities(ctx, now)
	if err != nil {
		return fmt.Errorf("keeping the CA in Secret %s/%s: %w", m.opts.Namespace, m.opts.SecretName, err)
	}
	bundle := known.Bundle()
	if err := m.publish(ctx, bundle); err != nil {
		return fmt.Errorf("publishing the CA in ConfigMap %s/%s: %w", m.opts.Namespace, m.opts.ConfigMapName, err)
	}
	m.mu.Lock()
	m.known, m.bundle = known, bundle
	m.mu.Unlock()
	observeCA(known)
	return m.ensureLeaf(ctx, known, now)
}

// Run calls Sync from time to time until the context ends. The first call comes after a pause.
func (m *Manager) Run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	wait := m.opts.Lifetimes.checkInterval()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = m.opts.Lifetimes.checkInterval()
		if err := m.Sync(ctx); err != nil && ctx.Err() == nil {
			logger.Error(err, "Keeping the serving certificate failed")
			wait = min(wait, retryInterval)
		}
	}
}

// GetCertificate is for tls.Config.
func (m *Manager) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.current == nil {
		return nil, errors.New("there is no serving certificate yet")
	}
	return m.current.tls, nil
}

// CurrentCertKeyContent returns the certificate and its key as PEM; nil before the first Sync.
func (m *Manager) CurrentCertKeyContent() (certificate, key []byte) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.current == nil {
		return nil, nil
	}
	return m.current.certPEM, m.current.keyPEM
}

// CABundle returns the CA certificates that clients need, as PEM, newest first; nil before the first Sync.
func (m *Manager) CABundle() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.bundle
}

// OnChange has f called after each change of the certificate.
func (m *Manager) OnChange(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners = append(m.listeners, f)
}

func (m *Manager) ensureLeaf(ctx context.Context, known authority.List, now time.Time) error {
	issuer := signer(known, m.opts.Lifetimes.Settle, now)
	m.mu.RLock()
	current := m.current
	m.mu.RUnlock()
	if current != nil && !authority.Due(current.tls.Leaf, now) && slices.Equal(current.issuer, issuer.Certificate.Raw) {
		return nil
	}
	certificate, key, err := issuer.Issue(m.opts.DNSNames, m.opts.IPAddresses, m.opts.Lifetimes.Certificate, now)
	if err != nil {
		return err
	}
	keyPEM, err := authority.EncodeKey(key)
	if err != nil {
		return err
	}
	m.set(&leaf{
		tls:     &tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key, Leaf: certificate},
		certPEM: authority.EncodeCertificate(certificate),
		keyPEM:  keyPEM,
		issuer:  issuer.Certificate.Raw,
	})
	certificateExpires.Set(float64(certificate.NotAfter.Unix()))
	klog.FromContext(ctx).Info("Made a serving certificate", "dnsNames", m.opts.DNSNames,
		"notAfter", certificate.NotAfter, "issuer", certificate.Issuer.CommonName)
	return nil
}

func (m *Manager) set(next *leaf) {
	m.mu.Lock()
	m.current = next
	listeners := slices.Clone(m.listeners)
	m.mu.Unlock()
	for _, f := range listeners {
		f()
	}
}
