// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package intercept stands between the two ends of a TLS connection, so that what it carries can be recorded. It does so only where
// neither end loses anything by it: whatever it cannot do is passed through untouched, with a reason.
package intercept

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/clienthello"
)

const (
	// handshakeTimeout bounds each of the two handshakes.
	handshakeTimeout = 30 * time.Second
	// sessions of servers are kept for so many names, which saves most of a handshake.
	sessions = 256
)

// Outbound is what interception of the connections of a workload needs.
type Outbound struct {
	// Certificate makes the certificate of a server for the name that a client asks for.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Roots are who is trusted to certify servers.
	Roots *x509.CertPool
	// ClientCertificate returns what is shown to servers that ask for it; nil: there is none.
	ClientCertificate func() (*tls.Certificate, error)
	Log               *slog.Logger
}

// Interceptor serves TLS connections in the place of their servers.
type Interceptor struct {
	minted      bool // the certificates that clients see are ours
	downstream  *tls.Config
	upstream    *tls.Config
	certificate func() (*tls.Certificate, error) // of the client
	memory      *memory
	log         *slog.Logger
	counters
}

// NewOutbound returns the interceptor of the connections that a workload makes. Servers are verified as the workload would.
func NewOutbound(o Outbound) *Interceptor {
	return newInterceptor(&Interceptor{
		minted:      true,
		downstream:  &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: o.Certificate},
		upstream:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots, ClientSessionCache: tls.NewLRUClientSessionCache(sessions)},
		certificate: o.ClientCertificate,
		log:         o.Log,
	})
}

// NewInbound returns the interceptor of the connections that are made to a workload. It shows the workload's own certificate, which clients
// verify as ever, and speaks TLS to the workload, which is in the same pod: its certificate is not looked at.
func NewInbound(certificate func() (*tls.Certificate, error), log *slog.Logger) *Interceptor {
	return newInterceptor(&Interceptor{
		downstream: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() },
		},
		upstream: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},
		log:      log,
	})
}

func newInterceptor(i *Interceptor) *Interceptor {
	i.memory = newMemory()
	// One key for all connections, whose configurations are copies of this one: else no client could resume a session.
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	i.downstream.SetSessionTicketKeys([][32]byte{key})
	return i
}

// Open makes the TLS connection to the server that the client would make, over a connection to it that is open, and offers what the
// client offers. An *Untouched says that the client is to be passed through.
func (i *Interceptor) Open(ctx context.Context, hello *clienthello.Hello, server *net.TCPConn) (*tls.Conn, error) {
	to := server.RemoteAddr().String()
	if reason := i.refused(hello, to); reason != "" {
		return nil, i.untouched(reason, false, nil)
	}
	config := i.upstream.Clone()
	config.ServerName = hello.ServerName
	config.NextProtos = hello.SupportedProtos
	config.GetClientCertificate = i.clientCertificate
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(server, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		reason := upstreamReason(err)
		if i.memory.fail(failure{hello.ServerName, to}, reason) {
			i.log.Warn("TLS is passed through, since the server does not take part", "name", hello.ServerName, "server", to, "reason", reason, "err", err)
		}
		return nil, i.untouched(reason, true, err)
	}
	return conn, nil
}

// refused says why a connection is not to be tried at all, "" when it is.
func (i *Interceptor) refused(hello *clienthello.Hello, to string) Reason {
	switch {
	case i.minted && hello.ServerName == "":
		return NoServerName
	case hello.IsEncrypted():
		return EncryptedHello
	case !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v == tls.VersionTLS12 || v == tls.VersionTLS13 }):
		return OldClient
	}
	if reason := i.memory.reason(failure{hello.ServerName, to}); reason != "" {
		return reason
	}
	certificate, err := i.downstream.GetCertificate(hello.ClientHelloInfo)
	if err != nil {
		i.memory.fail(failure{hello.ServerName, to}, NoCertificate)
		i.log.Warn("TLS is passed through, since there is no certificate for it", "name", hello.ServerName, "err", err)
		return NoCertificate
	}
	anyName := *hello.ClientHelloInfo
	anyName.ServerName = "" // whether the workload's own certificate is for the name is between it and its clients
	if anyName.SupportsCertificate(certificate) != nil {
		return OldClient
	}
	return ""
}

func (i *Interceptor) clientCertificate(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if i.certificate == nil {
		return nil, errCertificateWanted
	}
	certificate, err := i.certificate()
	if err != nil {
		return nil, err
	}
	if err := request.SupportsCertificate(certificate); err != nil {
		return nil, fmt.Errorf("%w: %w", errCertificateWanted, err)
	}
	return certificate, nil
}

// Accept makes the TLS connection to the client, with the protocol that the server chose. When it fails, so has the client's connection;
// a client that does not take the certificate is passed through from then on.
func (i *Interceptor) Accept(ctx context.Context, hello *clienthello.Hello, client *net.TCPConn, server *tls.Conn) (*tls.Conn, error) {
	config := i.downstream.Clone()
	if protocol := server.ConnectionState().NegotiatedProtocol; protocol != "" {
		config.NextProtos = []string{protocol}
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Server(client, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		i.clientRefused(hello, err)
		return nil, fmt.Errorf("handshake with the client for %q: %w", hello.ServerName, err)
	}
	i.intercepted.Add(1)
	return conn, nil
}

// clientRefused judges a client that broke off the handshake. One that says why with an alert does not take the certificate; one that only
// goes away may just as well have had no more time.
func (i *Interceptor) clientRefused(hello *clienthello.Hello, cause error) {
	var alert *net.OpError
	if !errors.As(cause, &alert) || alert.Op != "remote error" {
		i.Left(hello, 0)
		return
	}
	i.count(ClientRefused)
	if i.minted && i.memory.refuse(hello.ServerName) {
		i.log.Warn("A client does not trust the proxy's certificate; its connections to this name are passed through and not recorded from now on",
			"name", hello.ServerName, "err", cause)
	}
}

// Left takes note of how many bytes a client had sent when it left: one that checks the certificate on its own after the handshake, as
// those that pin often do, leaves without having sent anything.
func (i *Interceptor) Left(hello *clienthello.Hello, sent int64) {
	if i.minted && i.memory.left(hello.ServerName, sent) {
		i.log.Warn("Clients leave again and again without having sent anything, as those that pin certificates do; "+
			"their connections to this name are passed through and not recorded from now on", "name", hello.ServerName)
	}
}

func (i *Interceptor) untouched(reason Reason, spoiled bool, cause error) *Untouched {
	i.count(reason)
	return &Untouched{Reason: reason, Spoiled: spoiled, cause: cause}
}
