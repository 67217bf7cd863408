// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package forwardertest runs a forwarder within a test: the real one, over TLS on loopback, with users that the test names
// in the place of those of a cluster.
package forwardertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/forwarder"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/traffic/dial"
)

// Users is a reviewer that knows the users it was told, and allows everything that Deny does not forbid.
type Users struct {
	mu     sync.Mutex
	tokens map[string]auth.Identity
	// Deny tells what a user may not do; nil forbids nothing.
	Deny func(user auth.Identity, access auth.Access) bool
}

// Add makes a token valid.
func (u *Users) Add(token string, identity auth.Identity) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tokens == nil {
		u.tokens = make(map[string]auth.Identity)
	}
	u.tokens[token] = identity
}

// ReviewToken is of auth.Reviewer.
func (u *Users) ReviewToken(_ context.Context, token string) (auth.Identity, bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	identity, ok := u.tokens[token]
	return identity, ok, nil
}

// ReviewAccess is of auth.Reviewer.
func (u *Users) ReviewAccess(_ context.Context, user auth.Identity, access auth.Access) (bool, string, error) {
	return u.Deny == nil || !u.Deny(user, access), "", nil
}

// Server is a forwarder. Its files live in a directory of the test, and it can be stopped and started again on them.
type Server struct {
	Users   *Users
	Address string // host:port of the running one
	Health  string // base URL of the running one
	CAFile  string
	// Options of the next Start; without listeners, which are made then.
	Options forwarder.Options

	certificate tls.Certificate
	stop        context.CancelFunc
	stopped     chan error
}

// Start starts a forwarder that stops with the test. It seals after a minute and keeps what is sealed for a day, unless
// change sets other options before it starts.
func Start(t testing.TB, change ...func(*forwarder.Options)) *Server {
	s, err := New(t.TempDir())
	require.NoError(t, err)
	for _, f := range change {
		f(&s.Options)
	}
	s.Restart(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// New returns a forwarder that keeps its files in a directory and is not started yet, with the options of Start.
func New(dir string) (*Server, error) {
	s := &Server{Users: &Users{}, CAFile: filepath.Join(dir, "ca.crt")}
	var err error
	if s.certificate, err = newCertificate(s.CAFile); err != nil {
		return nil, err
	}
	s.Options = forwarder.Options{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.certificate, nil },
		Reviewer:    s.Users,
		DataDir:     filepath.Join(dir, "data"),
		Retention:   24 * time.Hour, SealInterval: time.Minute, LogLimit: 1 << 30,
	}
	return s, nil
}

// Restart stops the forwarder when it runs, and starts it on the same files at another address.
func (s *Server) Restart(t testing.TB) {
	s.Stop(t)
	require.NoError(t, s.Open())
}

// Stop stops the forwarder without sealing what it has in its log.
func (s *Server) Stop(t testing.TB) {
	require.NoError(t, s.Close())
}

// Open starts a forwarder that does not run.
func (s *Server) Open() error {
	options := s.Options
	var err error
	if options.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if options.HealthListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.Address, s.Health = options.Listener.Addr().String(), "http://"+options.HealthListener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	f, err := forwarder.New(ctx, options)
	if err != nil {
		stop()
		return err
	}
	s.stop, s.stopped = stop, make(chan error, 1)
	go func() { s.stopped <- f.Run(ctx) }()
	return nil
}

// Close stops the forwarder when it runs.
func (s *Server) Close() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.stop = nil
	return <-s.stopped
}

// Dial connects with a token.
func (s *Server) Dial(t testing.TB, token string) *grpc.ClientConn {
	conn, err := s.Connect(t.Context(), token)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Connect connects with a token until the context ends.
func (s *Server) Connect(ctx context.Context, token string) (*grpc.ClientConn, error) {
	return dial.New(ctx, dial.Options{
		Address: s.Address,
		CA:      func() ([]byte, error) { return os.ReadFile(s.CAFile) },
		Token:   func() (string, error) { return token, nil },
	})
}

// DialPod connects as a pod, whose token it makes valid.
func (s *Server) DialPod(t testing.TB, pod auth.Pod) *grpc.ClientConn {
	token := "pod-" + pod.UID
	s.Users.Add(token, auth.PodIdentity(pod, "default"))
	return s.Dial(t, token)
}

// DialUser connects as a user that is no pod, whose token it makes valid.
func (s *Server) DialUser(t testing.TB, name string) *grpc.ClientConn {
	token := "user-" + name
	s.Users.Add(token, auth.Identity{User: name})
	return s.Dial(t, token)
}

// newCertificate makes a certificate for loopback that signs itself, and writes it as the CA.
func newCertificate(caFile string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
