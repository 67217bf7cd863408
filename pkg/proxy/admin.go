// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package proxy assembles the sidecar: the rules, the capture and the isolate proxy.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/restage-dev/restage/pkg/exposition"
)

// serveAdmin answers /livez, /readyz and /metrics until the context ends.
func serveAdmin(ctx context.Context, listener net.Listener, ready func() bool, metrics []exposition.Family) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "the responder does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", exposition.Handler(metrics...))
	server := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", listener.Addr(), err)
	}
	return nil
}

// listen opens the listener at a port of an address, or of all, unless there is one.
func listen(ctx context.Context, listener **net.TCPListener, host string, port int) error {
	if *listener != nil {
		return nil
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	*listener = l.(*net.TCPListener)
	return nil
}
