// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // requests to the API server, leadership
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info of the libraries
	"k8s.io/klog/v2"
)

const (
	headerTimeout = 5 * time.Second
	// lateLease is how long after its end a lease may still be held for renewed before the process counts as stuck.
	lateLease = 20 * time.Second
)

// health answers the kubelet and Prometheus. A candidate is ready as it is; one that leads is ready once its caches have synced,
// for which the API server of Restage must be there. It is alive unless it leads and cannot renew its lease.
type health struct {
	starting atomic.Bool
	lease    *leaderelection.HealthzAdaptor
	census   census
}

func newHealth() *health {
	return &health{lease: leaderelection.NewLeaderHealthzAdaptor(lateLease)}
}

// serve listens at address until ctx is done.
func (h *health) serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for health checks: %w", err)
	}
	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: headerTimeout}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.FromContext(ctx).Error(err, "Health checks are no longer answered")
		}
	}()
	return nil
}

func (h *health) handler() http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(&h.census)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", answer(h.lease.Check))
	mux.HandleFunc("GET /readyz", answer(func(*http.Request) error {
		if h.starting.Load() {
			return errors.New("waiting for the API server of Restage, and for all that is watched")
		}
		return nil
	}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{legacyregistry.DefaultGatherer, own}, promhttp.HandlerOpts{}))
	return mux
}

func answer(check func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := check(r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
