// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package memo remembers what admission plugins have read for one request. Several of them look at the same snapshot and the same
// workload; each is read once, so that all judge the same state.
package memo

import (
	"context"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

type contextKey struct{}

type memo struct {
	mutex   sync.Mutex
	results map[string]result
}

type result struct {
	object any
	err    error
}

// WithMemo returns a context in which Read remembers.
func WithMemo(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, &memo{results: map[string]result{}})
}

// Handler gives each request that writes a memo of its own. Of the others none is admitted.
func Handler(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet {
			request = request.WithContext(WithMemo(request.Context()))
		}
		handler.ServeHTTP(w, request)
	})
}

// Read returns what get returned for the key before in this context, which must not be changed. That an object does not exist is
// remembered; other errors are not. In a context without a memo it is get.
func Read[T any](ctx context.Context, key string, get func() (T, error)) (T, error) {
	m, ok := ctx.Value(contextKey{}).(*memo)
	if !ok {
		return get()
	}
	m.mutex.Lock()
	known, ok := m.results[key]
	m.mutex.Unlock()
	if ok {
		return known.object.(T), known.err
	}
	object, err := get()
	if err == nil || apierrors.IsNotFound(err) {
		m.mutex.Lock()
		m.results[key] = result{object, err}
		m.mutex.Unlock()
	}
	return object, err
}
