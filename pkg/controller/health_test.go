// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbes(t *testing.T) {
	h := newHealth()
	handler := h.handler()
	code := func(path string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code
	}
	for starting, want := range map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusOK} {
		h.starting.Store(starting)
		if got := code("/readyz"); got != want {
			t.Errorf("starting %v: /readyz says %d, want %d", starting, got, want)
		}
	}
	if got := code("/livez"); got != http.StatusOK {
		t.Errorf("/livez of a candidate says %d", got)
	}
	if got := code("/metrics"); got != http.StatusOK {
		t.Errorf("/metrics without anything watched says %d", got)
	}
}
