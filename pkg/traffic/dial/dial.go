// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package dial connects to restage-forwarder. It needs no Kubernetes client, so the data plane uses it too.
package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// maxReconnectDelay is the longest wait between two attempts to connect.
	maxReconnectDelay = 5 * time.Second
	// connectTimeout is how long one attempt may take.
	connectTimeout = 10 * time.Second
	// MaxMessageBytes bounds a message in either direction.
	MaxMessageBytes = 8 << 20
	// maxFileBytes bounds the token and the CA file.
	maxFileBytes = 1 << 20
	// keepaliveTime is how often an idle connection is probed; the forwarder allows no less than half of it.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second
)

// Options say how to reach a forwarder.
type Options struct {
	// Address is host:port. The certificate of the forwarder must be valid for the host.
	Address string
	// CA returns the PEM certificates that may have signed it; called for each handshake, so that a new CA is taken up.
	CA func() ([]byte, error)
	// Token returns the bearer token; called for each RPC.
	Token func() (string, error)
}

// Forwarder connects to a forwarder with a CA file and a token file, both read again whenever they are used. The
// connection is made when it is first used, and made anew when it breaks; it is closed when ctx is done.
func Forwarder(ctx context.Context, address, caFile, tokenFile string) (*grpc.ClientConn, error) {
	return New(ctx, Options{
		Address: address,
		CA:      func() ([]byte, error) { return readFile(caFile) },
		Token: func() (string, error) {
			token, err := readFile(tokenFile)
			return string(bytes.TrimSpace(token)), err
		},
	})
}

// New is Forwarder for callers that keep the CA or the token elsewhere than in files.
func New(ctx context.Context, o Options) (*grpc.ClientConn, error) {
	if o.Address == "" || o.CA == nil || o.Token == nil {
		return nil, errors.New("connecting to the forwarder: address, CA and token are required")
	}
	conn, err := grpc.NewClient(o.Address,
		grpc.WithTransportCredentials(transport{TransportCredentials: credentials.NewTLS(nil), ca: o.CA}),
		grpc.WithPerRPCCredentials(bearer(o.Token)),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect(), MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes)),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the forwarder at %q: %w", o.Address, err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}

// reconnect is gRPC's backoff with a shorter longest wait: a forwarder that was restarted is used again within seconds.
func reconnect() backoff.Config {
	config := backoff.DefaultConfig
	config.MaxDelay = maxReconnectDelay
	return config
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFileBytes)
	}
	return data, nil
}
