// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// Forwarder says how the forwarder is reached. The files are read for each connection, as they are rotated.
type Forwarder struct {
	Address   string // host:port
	TokenFile string
	CAFile    string
}

// Connect returns a connection, made when it is first used, and the bearer token.
func (f Forwarder) Connect() (*grpc.ClientConn, string, error) {
	token, err := readSmall(f.TokenFile)
	if err != nil {
		return nil, "", fmt.Errorf("reading the token for the forwarder: %w", err)
	}
	ca, err := readSmall(f.CAFile)
	if err != nil {
		return nil, "", fmt.Errorf("reading the CA of the forwarder: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca)) {
		return nil, "", fmt.Errorf("CA file %s has no certificate in PEM", f.CAFile)
	}
	conn, err := grpc.NewClient(f.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, "", fmt.Errorf("connecting to the forwarder at %s: %w", f.Address, err)
	}
	return conn, strings.TrimSpace(token), nil
}

// readSmall reads a file of at most 64 KiB that is not empty.
func readSmall(path string) (string, error) {
	const most = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return "", err
	}
	if len(data) == 0 || len(data) > most {
		return "", &os.PathError{Op: "read", Path: path, Err: errors.New("the file is empty or has more than 64 KiB")}
	}
	return string(data), nil
}
