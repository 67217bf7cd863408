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

func TestWhatACacheLacksIsReadLive(t *testing.T) {
	has := func() (string, bool) { return "cached", true }
	lacks := func() (string, bool) { return "", false }
	for name, test := range map[string]struct {
		ctx   context.Context
		cache func() (string, bool)
		want  string
	}{
		"has it":         {WithMemo(t.Context()), has, "cached"},
		"lacks it":       {WithMemo(t.Context()), lacks, "live"},
		"no cache":       {WithMemo(t.Context()), nil, "live"},
		"live":           {Live(t.Context()), has, "live"},
		"without a memo": {t.Context(), has, "live"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got, err := ReadCached(test.ctx, "a", test.cache, func() (string, error) { return "live", nil })
				if err != nil || got != test.want {
					t.Errorf("read %q, error %v", got, err)
				}
			}
		})
	}
}

func TestRefusalsRestOnWhatIsReadLive(t *testing.T) {
	for name, test := range map[string]struct {
		cached, live, without bool // what is refused in each state
		ctx                   context.Context
		refused               bool
		judged                int
	}{
		"neither":          {false, false, false, WithMemo(t.Context()), false, 1},
		"both":             {true, true, false, WithMemo(t.Context()), true, 2},
		"the cache is old": {true, false, false, WithMemo(t.Context()), false, 2},
		"read live":        {true, true, true, WithMemo(t.Context()), true, 1},
		"live already":     {true, true, false, Live(t.Context()), true, 1},
		"without a memo":   {true, true, false, t.Context(), true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			judged := 0
			err := Confirm(test.ctx, func(ctx context.Context) error {
				judged++
				cache := func() (bool, bool) { return test.cached, !test.without }
				refuse, err := ReadCached(ctx, "a", cache, func() (bool, error) { return test.live, nil })
				if err == nil && refuse {
					err = errors.New("refused")
				}
				return err
			})
			if (err != nil) != test.refused || judged != test.judged {
				t.Errorf("judged %d times, error %v", judged, err)
			}
		})
	}
}
