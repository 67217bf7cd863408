// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"
)

const (
	healthTimeout = 5 * time.Second
	// storageProbePause is how long a write to the storage that succeeded says that it is well: such writes may cost money.
	storageProbePause = 30 * time.Second
)

// health serves /livez, which fails when only a new start helps, /readyz and /metrics.
func (f *Forwarder) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", answer(func(context.Context) error { return f.journal.Failed() }))
	mux.HandleFunc("GET /readyz", answer(f.ready))
	mux.Handle("GET /metrics", f.metrics())
	return mux
}

func answer(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		if err := check(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Health check failed", "check", r.URL.Path)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// ready tells whether the disk of the log and the storage take writes.
func (f *Forwarder) ready(ctx context.Context) error {
	if err := f.journal.Failed(); err != nil {
		return err
	}
	probe := filepath.Join(f.options.DataDir, "probe")
	if err := os.WriteFile(probe, []byte("ready?"), 0o600); err != nil {
		return fmt.Errorf("the data directory does not take writes: %w", err)
	}
	if time.Since(time.Unix(0, f.storageOK.Load())) < storageProbePause {
		return nil
	}
	if err := f.bucket.WriteAll(ctx, "probe", []byte("ready?"), nil); err != nil {
		storageErrors.WithLabelValues(probeStorage).Inc()
		return fmt.Errorf("the storage does not take writes: %w", err)
	}
	f.storageOK.Store(time.Now().UnixNano())
	return nil
}
