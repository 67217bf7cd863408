// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// transport is TLS whose roots are asked for at each handshake.
type transport struct {
	credentials.TransportCredentials // TLS with the system's roots, for all but the handshake
	ca                               func() ([]byte, error)
}

func (t transport) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	pem, err := t.ca()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the CA of the forwarder: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, errors.New("reading the CA of the forwarder: no PEM certificate in it")
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}).ClientHandshake(ctx, authority, conn)
}

func (t transport) Clone() credentials.TransportCredentials {
	return transport{TransportCredentials: t.TransportCredentials.Clone(), ca: t.ca}
}

// bearer sends a token with each RPC, and only over TLS.
type bearer func() (string, error)

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b()
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "reading the token for the forwarder: %v", err)
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }
