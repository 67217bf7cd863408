// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package memo remembers what admission plugins have read for one request. Several of them look at the same snapshot and the same
// workload; each is read once, so that all judge the same state.
//
// What is read from a cache may be a moment old. That is enough to let a request pass, since the state may change in the moment after
// it as well, but not to refuse one: Confirm judges again by what is read live.
package memo

import (
	"context"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

type contextKey struct{}

type memo struct {
	live bool // nothing is read from caches

	mutex   sync.Mutex
	results map[string]result
	cached  bool // something was
}

type result struct {
	object any
	err    error
}

// WithMemo returns a context in which Read remembers.
func WithMemo(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, &memo{results: map[string]result{}})
}

// Live returns a context in which Read remembers and reads nothing from caches.
func Live(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, &memo{results: map[string]result{}, live: true})
}

func of(ctx context.Context) (*memo, bool) {
	m, ok := ctx.Value(contextKey{}).(*memo)
	return m, ok
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

// Confirm returns what judge returns. When that is an error, and something was read from a cache, judge has the last word in a context
// in which everything is read live.
func Confirm(ctx context.Context, judge func(context.Context) error) error {
	err := judge(ctx)
	if m, ok := of(ctx); err == nil || !ok || !m.readCached() {
		return err
	}
	return judge(Live(ctx))
}

// Read returns what get returned for the key before in this context, which must not be changed. That an object does not exist is
// remembered; other errors are not. In a context without a memo it is get.
func Read[T any](ctx context.Context, key string, get func() (T, error)) (T, error) {
	return ReadCached(ctx, key, nil, get)
}

// ReadCached is Read with a cache, which is asked first and says whether it has the object. It is not asked in a context without a memo,
// nor in one of Live. A nil one has nothing.
func ReadCached[T any](ctx context.Context, key string, cache func() (T, bool), get func() (T, error)) (T, error) {
	m, ok := of(ctx)
	if !ok {
		return get()
	}
	if known, ok := m.result(key); ok {
		return known.object.(T), known.err
	}
	if cache != nil && !m.live {
		if object, ok := cache(); ok {
			m.remember(key, result{object: object}, true)
			return object, nil
		}
	}
	object, err := get()
	if err == nil || apierrors.IsNotFound(err) {
		m.remember(key, result{object, err}, false)
	}
	return object, err
}

func (m *memo) result(key string) (result, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, ok := m.results[key]
	return known, ok
}

func (m *memo) remember(key string, r result, cached bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.results[key] = r
	m.cached = m.cached || cached
}

func (m *memo) readCached() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.cached
}
