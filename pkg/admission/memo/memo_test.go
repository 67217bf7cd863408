// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package memo

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestEachObjectIsReadOnceARequest(t *testing.T) {
	absent := apierrors.NewNotFound(schema.GroupResource{Resource: "snapshots"}, "monday")
	for name, test := range map[string]struct {
		ctx   context.Context
		err   error
		reads int
	}{
		"object":         {WithMemo(t.Context()), nil, 1},
		"absent":         {WithMemo(t.Context()), absent, 1},
		"another error":  {WithMemo(t.Context()), errors.New("no connection"), 3},
		"without a memo": {t.Context(), nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			reads := 0
			for range 3 {
				got, err := Read(test.ctx, "snapshot shop/monday", func() (*string, error) {
					reads++
					return &name, test.err
				})
				if got != &name || !errors.Is(err, test.err) {
					t.Errorf("read %v, error %v", got, err)
				}
			}
			if reads != test.reads {
				t.Errorf("read %d times, want %d", reads, test.reads)
			}
		})
	}
}

func TestKeysAndRequestsAreApart(t *testing.T) {
	reads := 0
	read := func(ctx context.Context, key string) {
		if _, err := Read(ctx, key, func() (int, error) { reads++; return reads, nil }); err != nil {
			t.Fatal(err)
		}
	}
	first, second := WithMemo(t.Context()), WithMemo(t.Context())
	read(first, "a")
	read(first, "b")
	read(second, "a")
	if reads != 3 {
		t.Errorf("read %d times, want 3", reads)
	}
}
