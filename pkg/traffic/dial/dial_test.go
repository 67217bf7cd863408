// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package dial_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func stats(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := trafficpb.NewCapturesClient(conn).Stats(ctx, &trafficpb.StatsRequest{Namespace: "shop", Workload: "front"})
	return err
}

func TestFilesAreReadAgain(t *testing.T) {
	server := forwardertest.Start(t)
	server.Users.Add("one", auth.Identity{User: "one"})
	server.Users.Add("two", auth.Identity{User: "two"})
	token := filepath.Join(t.TempDir(), "token")
	ca := filepath.Join(t.TempDir(), "ca.crt")
	good, err := os.ReadFile(server.CAFile)
	require.NoError(t, err)
	conn, err := dial.Forwarder(t.Context(), server.Address, ca, token)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(token, []byte("one\n"), 0o600))
	require.ErrorContains(t, stats(conn), "reading the CA")
	require.NoError(t, os.WriteFile(ca, []byte("no certificate"), 0o600))
	require.Eventually(t, func() bool { err := stats(conn); return err != nil && status.Code(err) == codes.Unavailable }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(ca, good, 0o600))
	require.Eventually(t, func() bool { return stats(conn) == nil }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(token, []byte("revoked"), 0o600))
	require.Equal(t, codes.Unauthenticated, status.Code(stats(conn)))
	require.NoError(t, os.WriteFile(token, []byte("two"), 0o600))
	require.NoError(t, stats(conn))
	require.NoError(t, os.Remove(token))
	require.Equal(t, codes.Unauthenticated, status.Code(stats(conn)))
}

func TestCertificateOfAnotherCAIsRefused(t *testing.T) {
	server, other := forwardertest.Start(t), forwardertest.Start(t)
	conn, err := dial.New(t.Context(), dial.Options{
		Address: server.Address,
		CA:      func() ([]byte, error) { return os.ReadFile(other.CAFile) },
		Token:   func() (string, error) { return "secret", nil },
	})
	require.NoError(t, err)
	require.ErrorContains(t, stats(conn), "certificate signed by unknown authority")
}

func TestConnectionClosesWithItsContext(t *testing.T) {
	server := forwardertest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := dial.Forwarder(ctx, server.Address, server.CAFile, server.CAFile)
	require.NoError(t, err)
	cancel()
	require.Eventually(t, func() bool { return status.Code(stats(conn)) == codes.Canceled }, 10*time.Second, time.Millisecond)
}

func TestOptionsAreRequired(t *testing.T) {
	_, err := dial.New(t.Context(), dial.Options{Address: "a:1"})
	require.ErrorContains(t, err, "required")
}
