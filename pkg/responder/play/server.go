// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package play answers the connections of isolated workloads from a recording.
package play

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/responder/outcome"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// mostConnections are served at a time; more wait to be accepted.
	mostConnections = 4096
	helloTimeout    = 10 * time.Second
	acceptRetry     = 50 * time.Millisecond
)

// Policy says how calls are answered.
type Policy struct {
	// MissStatus answers a call that the recording does not hold; 0 resets its connection.
	MissStatus int
	// Recorded makes answers take the time that they took when they were recorded.
	Recorded bool
}

// Server plays an index. Serve may be called once.
type Server struct {
	// Leaves certify the names that are played over TLS; nil: TLS is played as bytes. It is set before Serve.
	Leaves *authority.Leaves

	index    *match.Index
	players  []player
	reporter *outcome.Reporter
	policy   Policy
	routes   *Routes
	token    []byte
	log      *slog.Logger

	rejected atomic.Int64
	warn     rate.Sometimes
}

// NewServer returns a server for tunnels that show the token.
func NewServer(x *match.Index, r *outcome.Reporter, p Policy, routes *Routes, token []byte, log *slog.Logger) *Server {
	s := &Server{index: x, reporter: r, policy: p, routes: routes, token: token, log: log, warn: rate.Sometimes{Interval: time.Second}}
	for _, newPlayer := range protocols {
		s.players = append(s.players, newPlayer(s))
	}
	return s
}

// Rejected counts the connections that did not begin with a hello and the token.
func (s *Server) Rejected() int64 { return s.rejected.Load() }

// Serve answers connections until the context ends, and then closes them. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var connections sync.WaitGroup
	defer connections.Wait()
	slots := make(chan struct{}, mostConnections)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		accepted, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = accepted.Close() // the workload's call fails, as it should
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting connections: %w", err)
		case err != nil: // such as too many open files
			s.log.Warn("Accepting a connection failed", "err", err)
			pause(ctx, acceptRetry)
			<-slots
			continue
		}
		connections.Go(func() {
			defer func() { <-slots }()
			s.serve(ctx, accepted.(*net.TCPConn))
		})
	}
}

func (s *Server) serve(ctx context.Context, accepted *net.TCPConn) {
	defer accepted.Close()
	defer context.AfterFunc(ctx, func() { _ = accepted.Close() })()
	hello, err := s.greet(accepted)
	if err != nil {
		if ctx.Err() == nil {
			s.rejected.Add(1)
			s.warn.Do(func() { s.log.Warn("Rejected a tunnel", "remote", accepted.RemoteAddr().String(), "err", err) })
		}
		return
	}
	if address, ok := s.routes.find(hello); ok {
		s.lead(ctx, accepted, address)
		return
	}
	newConnection(s, accepted, hello).run(ctx)
}

// greet reads the hello and checks its token.
func (s *Server) greet(accepted *net.TCPConn) (*trafficpb.TunnelHello, error) {
	if err := accepted.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	hello, err := readHello(accepted)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(hello.GetToken()), s.token) != 1 {
		return nil, errors.New("wrong token")
	}
	if err := accepted.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("taking back the deadline: %w", err)
	}
	return hello, nil
}

// pause waits for d and tells whether the context has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
