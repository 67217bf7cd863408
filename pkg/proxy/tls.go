// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/proxy/intercept"
	"github.com/restage-dev/restage/pkg/proxy/trust"
	"github.com/restage-dev/restage/pkg/wiring"
)

// tlsConfig says which TLS connections are read. The zero value reads none.
type tlsConfig struct {
	wiring.TLSSettings
	dir, trust string
}

// outbound returns what reads the connections that the workload makes, nil when nothing does. Whom the workload is to trust is
// written in any case, since its environment names those files.
func (c tlsConfig) outbound(log *slog.Logger) (*intercept.Interceptor, error) {
	if !c.Outbound {
		return nil, nil
	}
	added, err := trust.ReadCertificates(filepath.Join(c.dir, wiring.TLSAddedDir, wiring.TLSCACertificate))
	if err != nil {
		log.Error("The added CAs cannot be read; servers that they certify are passed through", "err", err)
	}
	known, err := trust.ReadCA(filepath.Join(c.dir, wiring.TLSCADir))
	if err != nil {
		log.Error("The CA of the namespace cannot be read; TLS is passed through", "err", err)
	}
	issuer, err := trust.Prepare(c.trust, known, added, time.Now())
	if errors.Is(err, trust.ErrNoCA) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	leaves, err := authority.NewLeaves(issuer)
	if err != nil {
		return nil, err
	}
	roots, err := trust.Roots(added)
	if err != nil {
		return nil, err
	}
	o := intercept.Outbound{Certificate: leaves.Certificate, Roots: roots, Log: log}
	if c.ClientCertificate {
		o.ClientCertificate = c.keyPair(wiring.TLSClientDir)
	}
	return intercept.NewOutbound(o), nil
}

// inbound returns what reads the connections that are made to the workload, nil when nothing does.
func (c tlsConfig) inbound(log *slog.Logger) *intercept.Interceptor {
	if !c.Inbound {
		return nil
	}
	return intercept.NewInbound(c.keyPair(wiring.TLSInboundDir), log)
}

// keyPair reads a certificate and its key each time, since they are renewed while the proxy runs.
func (c tlsConfig) keyPair(dir string) func() (*tls.Certificate, error) {
	return func() (*tls.Certificate, error) {
		certificate, err := trust.ReadFile(filepath.Join(c.dir, dir, wiring.TLSCertificate))
		if err != nil {
			return nil, err
		}
		key, err := trust.ReadFile(filepath.Join(c.dir, dir, wiring.TLSKey))
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate in %s: %w", filepath.Join(c.dir, dir), err)
		}
		return &pair, nil
	}
}
